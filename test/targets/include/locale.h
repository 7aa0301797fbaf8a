#ifndef LOCALE_H
#define LOCALE_H
#endif
