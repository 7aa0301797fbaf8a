/*
 * elf.c - do readers of ELF and of SDT notes understand every image that
 * image/elf.c builds?
 *
 * Any description, for every processor. libelf reads the bytes: no section
 * overlaps another or lies outside, and each probe has one symbol and one note.
 * Then the command's own reader (tools/common/image.c) has to find the
 * described probes.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <gelf.h>
#include <sys/mman.h>
#include <unistd.h>

#include "feed.h"
#include "tools/dump/dump.h"

#define SECTIONS	32	/* more than an image has */

struct range {
	uint64_t start, end;
};

static int
by_start(const void *one, const void *other)
{
	const struct range *a = one, *b = other;

	return a->start < b->start ? -1 : a->start > b->start;
}

static void
check_sections(Elf *elf, size_t size)
{
	struct range ranges[SECTIONS];
	size_t names, i, count = 0;
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	must(elf_getshdrstrndx(elf, &names) == 0);
	while ((section = elf_nextscn(elf, section)) != NULL) {
		must(gelf_getshdr(section, &header) != NULL);
		must(elf_strptr(elf, names, header.sh_name) != NULL);
		must(header.sh_offset <= size &&
		    header.sh_size <= size - header.sh_offset);
		must(header.sh_addralign <= 1 ||
		    header.sh_offset % header.sh_addralign == 0 ||
		    header.sh_type == SHT_NOTE);
		if (header.sh_size == 0)
			continue;
		must(count < SECTIONS);
		ranges[count++] = (struct range){ header.sh_offset,
		    header.sh_offset + header.sh_size };
	}
	qsort(ranges, count, sizeof *ranges, by_start);
	must(count >= 8);
	for (i = 1; i < count; i++)
		must(ranges[i].start >= ranges[i - 1].end);
}

/* No byte of code is writable, and segments begin on whole pages. */
static void
check_segments(Elf *elf, const struct subject *s, size_t size)
{
	size_t i, count;
	GElf_Phdr segment;

	must(elf_getphdrnum(elf, &count) == 0);
	for (i = 0; i < count; i++) {
		must(gelf_getphdr(elf, (int)i, &segment) != NULL);
		must((segment.p_flags & (PF_W | PF_X)) != (PF_W | PF_X));
		must(segment.p_offset <= size &&
		    segment.p_filesz <= size - segment.p_offset);
		if (segment.p_type == PT_LOAD)
			must(segment.p_vaddr % s->arch.page ==
			    segment.p_offset % s->arch.page &&
			    segment.p_vaddr == segment.p_offset);
	}
}

static void
check_libelf(uint8_t *bytes, size_t size, const struct subject *s)
{
	Elf *elf;
	GElf_Ehdr header;

	must(elf_version(EV_CURRENT) != EV_NONE);
	elf = elf_memory((char *)bytes, size);
	must(elf != NULL && elf_kind(elf) == ELF_K_ELF);
	must(gelf_getehdr(elf, &header) != NULL);
	must(header.e_machine == s->arch.elf_machine &&
	    header.e_type == ET_DYN);
	must(gelf_getclass(elf) == (s->arch.word == 8 ? ELFCLASS64 :
	    ELFCLASS32));
	check_sections(elf, size);
	check_segments(elf, s, size);
	elf_end(elf);
}

/* Are these two names equal in DTrace's spelling? */
static int
same_name(const char *a, const char *b)
{
	char one[64], other[64];

	usdt__name_dof(a, one);
	usdt__name_dof(b, other);
	return strcmp(one, other) == 0;
}

static void
check_probes(const struct image *image, const struct usdt__elf *elf,
    const struct subject *s)
{
	uint64_t gate;
	size_t i;

	must(image->machine == s->arch.elf_machine && image->dof);
	must(image->count == s->description.count);
	for (i = 0; i < image->count; i++) {
		const struct probe *found = &image->probes[i];
		const usdt_probedef_t *probe = s->probes[i];

		must(strcmp(found->provider, s->provider) == 0);
		must(same_name(found->name, probe->name));
		must(strcmp(found->function, probe->function) == 0);
		must(found->type_count == probe->argc);
		must(!found->unreachable);
		gate = s->description.gate_of != NULL ? s->gate_of[i] : i;
		must(found->site == elf->text + s->stub.size * i + (elf->notes ?
		    s->stub.sdt_site : s->stub.dof_site));
		must(!elf->notes || (found->note_name != NULL &&
		    same_name(found->note_name, probe->name) &&
		    strchr(found->note_name, '-') == NULL &&
		    found->semaphore == elf->gates + 4 * gate));
	}
}

static void
check_command(const uint8_t *bytes, const struct usdt__elf *elf,
    const struct subject *s)
{
	struct image *image;
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	must(fd >= 0 && write(fd, bytes, elf->size) == (ssize_t)elf->size);
	image = image_read(fd);
	must(image != NULL);
	check_probes(image, elf, s);
	image_free(image);
	close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct feed feed = { bytes, size };
	struct usdt__why why = { .error = 0 };
	uint8_t id[2][USDT__ID_SIZE], *out, *again;
	struct usdt__elf elf;
	struct subject s;
	int notes;

	notes = feed_byte(&feed) % 4 != 0;
	if (!feed_subject(&feed, &s))
		return 0;
	if (usdt__elf_layout(&elf, &s.description, &s.row, &s.arch, &s.stub,
	    notes, &why) < 0) {
		must(why.text[0] != '\0');
		subject_free(&s);
		return 0;
	}
	out = calloc(1, elf.size);
	again = calloc(1, elf.size);
	must(out != NULL && again != NULL);
	usdt__elf_identify(&elf, out, elf.size, id[0]);
	usdt__elf_identify(&elf, again, elf.size, id[1]);
	must(memcmp(id[0], id[1], USDT__ID_SIZE) == 0);
	must(memcmp(out, again, elf.size) == 0);
	must(elf.map_size >= elf.gates + elf.gates_size &&
	    elf.text >= elf.document + elf.dof.size &&
	    elf.gates >= elf.text + elf.text_size);
	check_libelf(out, elf.size, &s);
	if (s.row.offsets == USDT__OFFSET_PROBE)
		check_command(out, &elf, &s);
	free(out);
	free(again);
	subject_free(&s);
	return 0;
}
