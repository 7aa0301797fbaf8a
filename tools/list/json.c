/*
 * json.c - how is a probe printed for programs?
 *
 *	{"pid":77,"command":"httpd","provider":"myapp","module":"httpd",
 *	"function":"serve","name":"start","args":[{"name":"id","type":"int"},
 *	{"type":"char *"}],"path":"/dev/shm/usdt-0/..."}
 *
 * All of it is one line.  pid and command are null if no process maps the file.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "tools/list/list.h"
#include "tools/watch/watch.h"

static void
put_member(struct line *line, const char *key, const char *text)
{
	line_text(line, key);
	json_text(line, text, strlen(text), 0);
}

static void
put_arguments(struct line *line, const struct image *image,
    const struct probe *probe)
{
	size_t count, i;
	struct argument *args = arguments_of(image, probe, &count);

	line_text(line, ",\"args\":[");
	for (i = 0; i < count; i++) {
		line_text(line, i > 0 ? ",{" : "{");
		if (args[i].name != NULL) {
			put_member(line, "\"name\":", args[i].name);
			line_char(line, ',');
		}
		put_member(line, "\"type\":", argument_type(&args[i]));
		line_char(line, '}');
	}
	line_char(line, ']');
	arguments_free(args, count);
}

void
json_probe(struct line *line, const struct probe_words *words)
{
	const struct probe *probe = words->probe;

	line_text(line, "{\"pid\":");
	if (words->pid != 0) {
		line_unsigned(line, (uint64_t)words->pid);
		put_member(line, ",\"command\":", words->command);
	} else {
		line_text(line, "null,\"command\":null");
	}
	put_member(line, ",\"provider\":", probe->provider);
	put_member(line, ",\"module\":", mapped_module(words->path));
	put_member(line, ",\"function\":", probe->function);
	put_member(line, ",\"name\":", probe->name);
	put_arguments(line, words->image, probe);
	put_member(line, ",\"path\":", words->path);
	if (words->deleted)
		line_text(line, ",\"deleted\":true");
	if (probe->unreachable != NULL)
		put_member(line, ",\"broken\":", probe->unreachable);
	line_text(line, "}\n");
}
