/*
 * subcommands.h - the subcommands, each in a folder of its own name.
 *
 * They get their own name and what follows it, as main does, and return an
 * exit code of tools/common/common.h.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef TOOLS_SUBCOMMANDS_H
#define TOOLS_SUBCOMMANDS_H

int command_list(int argc, char **argv);
int command_watch(int argc, char **argv);
int command_record(int argc, char **argv);
int command_top(int argc, char **argv);
int command_hist(int argc, char **argv);
int command_latency(int argc, char **argv);
int command_clean(int argc, char **argv);
int command_doctor(int argc, char **argv);
int command_dump(int argc, char **argv);
int command_header(int argc, char **argv);

#endif /* TOOLS_SUBCOMMANDS_H */
