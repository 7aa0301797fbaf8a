/*
 * report.c - which processes have one finding?
 *
 * Processes of one program mostly have the same findings.  Each is printed once,
 * where the first of them has it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdarg.h>
#include <stdlib.h>

#include "tools/doctor/doctor.h"

/* How many of several processes are named. */
#define FEW_PROCESSES	7

struct shared {
	struct finding finding;	/* as the first process has it */
	pid_t *pids;
	size_t count, space;
};

/* --- findings --- */

/* FORMAT with the number in the place of the word "PID".  To be freed. */
static char *
with_pid(const char *format, pid_t pid)
{
	const char *word = strstr(format, "PID");

	return word == NULL ? xasprintf("%s", format) : xasprintf("%.*s%d%s",
	    (int)(word - format), format, (int)pid, word + strlen("PID"));
}

struct finding
finding_with_pid(enum verdict verdict, const char *remedy, pid_t pid,
    const char *format, ...)
{
	struct finding finding = { .verdict = verdict };
	char *numbered = with_pid(format, pid);
	va_list args, again;
	size_t size;
	FILE *out;

	va_start(args, format);
	va_copy(again, args);
	out = text_begin(&finding.text, &size);
	vfprintf(out, numbered, args);
	text_end(out);
	out = text_begin(&finding.common, &size);
	vfprintf(out, format, again);
	text_end(out);
	va_end(again);
	va_end(args);
	if (remedy != NULL)
		finding.remedy = xasprintf("%s", remedy);
	free(numbered);
	return finding;
}

static const char *
common_text(const struct finding *finding)
{
	return finding->common != NULL ? finding->common : finding->text;
}

static int
is_same(const struct finding *one, const struct finding *other)
{
	if (one->verdict != other->verdict ||
	    strcmp(common_text(one), common_text(other)) != 0)
		return 0;
	return one->remedy == other->remedy || (one->remedy != NULL &&
	    other->remedy != NULL && strcmp(one->remedy, other->remedy) == 0);
}

/* --- output --- */

static void
print_finding(const struct finding *finding, const char *text)
{
	quote_line(stdout, text);
	if (finding->remedy != NULL) {
		fputs(" -- ", stdout);
		quote_line(stdout, finding->remedy);
	}
	putchar('\n');
}

static void
print_verdict(const struct finding *finding)
{
	static const char *const word[] = { "ok     ", "note   ", "PROBLEM" };

	printf("%s ", word[finding->verdict]);
}

int
finding_print(struct finding finding)
{
	int problem = finding.verdict == VERDICT_PROBLEM;

	print_verdict(&finding);
	print_finding(&finding, finding.text);
	finding_free(&finding);
	return problem;
}

/* --- of processes --- */

int
report_add(struct report *report, pid_t pid, struct finding finding)
{
	int problem = finding.verdict == VERDICT_PROBLEM;
	struct shared *shared = report->shared;
	size_t i;

	for (i = 0; i < report->count; i++, shared++)
		if (is_same(&shared->finding, &finding))
			break;
	if (i < report->count) {
		finding_free(&finding);
	} else {
		ROOM_FOR_ONE(report->shared, report->count, report->space);
		shared = &report->shared[report->count++];
		*shared = (struct shared){ .finding = finding };
	}
	/* A process may have a finding twice, about files of one name. */
	if (shared->count == 0 || shared->pids[shared->count - 1] != pid) {
		ROOM_FOR_ONE(shared->pids, shared->count, shared->space);
		shared->pids[shared->count++] = pid;
	}
	return problem;
}

static void
print_pids(const struct shared *shared, size_t most)
{
	size_t i;

	printf("in %zu processes: ", shared->count);
	for (i = 0; i < shared->count && i < most; i++)
		printf("%s%d", i ? ", " : "", (int)shared->pids[i]);
	if (i < shared->count)
		printf(" and %zu more", shared->count - i);
	fputs(": ", stdout);
}

void
report_print(struct report *report, int all)
{
	size_t i;

	for (i = 0; i < report->count; i++) {
		struct shared *shared = &report->shared[i];

		print_verdict(&shared->finding);
		if (shared->count == 1) {
			printf("%d: ", (int)shared->pids[0]);
			print_finding(&shared->finding, shared->finding.text);
		} else {
			print_pids(shared, all ? shared->count :
			    FEW_PROCESSES);
			print_finding(&shared->finding,
			    common_text(&shared->finding));
		}
		finding_free(&shared->finding);
		free(shared->pids);
	}
	free(report->shared);
	*report = (struct report){ 0 };
}
