/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DLFCN_H
#define DLFCN_H
typedef struct {
	const char *dli_fname;
	void *dli_fbase;
	const char *dli_sname;
	void *dli_saddr;
} Dl_info;
#define RTLD_NOW	2
#if defined(__APPLE__)
#define RTLD_LOCAL	4
#else
#define RTLD_LOCAL	0
#endif
void *dlopen(const char *path, int mode);
void *dlsym(void *handle, const char *name);
int dlclose(void *handle);
char *dlerror(void);
int dladdr(const void *address, Dl_info *info);
#endif
