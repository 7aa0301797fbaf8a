/*
 * image/image.h - the floor of images, and of pages where there are none.
 */
#ifndef USDT_IMAGE_H
#define USDT_IMAGE_H

#include "core/dof.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* --- image/elf.c: which bytes make a probe image? ------------------------ */

/* Layout version, part of every image's path.  Raise it with any change of
 * the bytes that a given definition gives. */
#define USDT__LAYOUT	1

/* Bytes of an image's identity: also its build-id. */
#define USDT__ID_SIZE	20

struct usdt__elf {
	const struct usdt__description *description;
	const struct usdt__arch *arch;
	const struct usdt__stub *stub;
	int notes;		/* with SDT notes */
	struct usdt__dof dof;
	/* Offsets in the file, which for all but the notes and what follows
	 * them are addresses too. */
	size_t build_id, unwind, unwind_size, base, document;
	size_t text, text_size;
	size_t gates, gates_size;
	size_t note, note_size;
	size_t symtab, symtab_size;
	size_t strtab, strtab_size;
	size_t shstrtab, headers;
	size_t spare;		/* pages of text behind the stubs */
	size_t map_size;	/* whole pages up to the end of the gates */
	size_t size;		/* of the file */
};

int usdt__elf_layout(struct usdt__elf *elf,
    const struct usdt__description *description,
    const struct usdt__platform *row, const struct usdt__arch *arch,
    const struct usdt__stub *stub, int notes, struct usdt__why *why);

/*
 * Build an image through a window of SIZE bytes, as a sink's buffer, to get
 * its identity: a hash of all bytes and of the module's name.  If the window
 * takes all, the image is in it then.
 */
void usdt__elf_identify(const struct usdt__elf *elf, uint8_t *window,
    size_t size, uint8_t id[USDT__ID_SIZE]);
/* Build it again with its identity, or with zeros instead of the build-id. */
void usdt__elf_emit(const struct usdt__elf *elf,
    const uint8_t id[USDT__ID_SIZE], struct usdt__sink *sink);

/* --- image/unwind.c: how does a debugger come from a stub to its caller? -- */

#define USDT__UNWIND_HEAD	20	/* bytes of .eh_frame_hdr */
#define USDT__UNWIND_MAX	160	/* and of .eh_frame with it */

/*
 * Write .eh_frame_hdr and, at the next whole word, .eh_frame for stubs of one
 * kind that fill SIZE bytes DISTANCE behind that.  Returns the size of both,
 * always the same; OUT may be NULL.
 */
size_t usdt__unwind_write(const struct usdt__arch *arch,
    const struct usdt__stub *stub, uint64_t distance, uint64_t size,
    uint8_t *out);

/* --- image/retention.c: which image files have had their day? ------------ */

/* Does no process hold the file, but by FD?  1: surely. */
int usdt__image_is_unheld(int fd);
/* Remove a file in DIR that no process holds.  Returns 1 if it is gone. */
int usdt__image_remove_unheld(int dir, const char *name);

/* How images below a directory of ours are cleaned away. */
struct usdt__clean {
	size_t keep;		/* the youngest, which stay ... */
	uint64_t keep_bytes;	/* ... or so many bytes of what nobody holds */
	int every_layout;	/* those of other versions of this library too */
	int empty;		/* and directories that were empty before: only
				 * where there are but providers' */
	int only_say;		/* change nothing */
	/* For each file that is not kept: is it gone, or held?  PATH is
	 * relative to the directory.  May be NULL. */
	void (*tell)(void *data, const char *path, uint64_t bytes, int gone);
	/* Where leases tell nothing: does any process map it?  NULL: all are
	 * held there. */
	int (*is_mapped)(void *data, const char *path);
	void *data;
};

/*
 * Remove the images that nobody holds, and what killed processes left
 * unfinished, with the directories that become empty.  Foreign files stay.
 */
void usdt__images_clean(int dir, const struct usdt__clean *clean);

/* A file of so many BYTES was made below DIR: now and then, remove what nobody
 * holds beyond the 64 youngest images there, or beyond 16 MiB. */
void usdt__images_remove_old(int dir, uint64_t bytes);
/* Files that this process has made since it last looked; 0: not yet.  Each
 * 16th, or as many as it found held, is a "now and then".  Under the lock. */
extern unsigned usdt__image_files;

/* --- image/place.c: where in memory does an image lie, what stays there? - */

#define USDT__IMAGE_MAPPINGS	3	/* that an image is */

struct usdt__arena;		/* a provider's addresses */
struct usdt__place;		/* an image's */

/* What a tombstone has to have, at the image's offsets. */
struct usdt__tomb {
	const struct usdt__stub *stub;
	size_t text, text_end;		/* such stubs */
	size_t gates, gates_end;	/* what may be read */
	const char *path;		/* of the image, or "" */
};

/* NULL: no memory. */
struct usdt__arena *usdt__arena_make(void);
/* The provider goes: when its last image has gone all is unmapped. */
void usdt__arena_release(struct usdt__arena *arena);
/* How many mappings are there, with the tombstones?  NULL: none. */
size_t usdt__arena_mappings(const struct usdt__arena *arena);

/* Addresses for an image of these bytes: if it had some before, those. */
int usdt__place_take(struct usdt__arena *arena, const uint8_t id[USDT__ID_SIZE],
    size_t size, struct usdt__place **place, struct usdt__why *why);
uint8_t *usdt__place_base(const struct usdt__place *place);
/* Nothing became of the image: the place is as it was before it was taken. */
void usdt__place_give_back(struct usdt__arena *arena,
    struct usdt__place *place, const struct usdt__tomb *tomb);
/* Lay a tombstone over the image.  Returns 0, or an errno: all is as it was. */
int usdt__place_bury(struct usdt__arena *arena, struct usdt__place *place,
    const struct usdt__tomb *tomb);
/* Nobody can have an address of it any more. */
void usdt__place_drop(struct usdt__arena *arena, struct usdt__place *place);

/* Map a part of a file over what is there, in one step.  Returns 0 or an
 * errno. */
int usdt__map_over(uint8_t *at, size_t size, int protection, int fd,
    size_t offset);
/* An executable file without a name; its descriptor, or -1 and errno. */
int usdt__memfd(const char *name);

/* --- image/map.c: which images does this process map? -------------- */

struct usdt__image {
	struct usdt__image *next, *previous;	/* of those that are kept */
	struct usdt__arena *arena;
	struct usdt__place *place;
	uint8_t *base;
	size_t size;			/* mapped */
	struct usdt__tomb tomb;		/* when it goes */
	size_t spare, spare_end;	/* of text: no stubs are there */
	uint64_t device, inode;		/* of the file */
	uint64_t root_device, root_inode;	/* that the path is from */
	int fd;				/* of a memfd, else -1 */
	char path[USDT_PATH_SIZE];	/* of a file */
	char passed_over[USDT_TEXT_SIZE];	/* places that were of no use,
					 * and why */
};

/*
 * All of this under the library's lock.
 *
 * Map an image to its place from its open file, which may be closed then; over
 * what may be there from an attempt before.  Returns 0 or an errno.
 */
int usdt__image_map(struct usdt__image *image, const struct usdt__elf *elf,
    int fd);

/* Does this process map that file, by any copy of the library?  -1 and errno:
 * it could not be asked just now. */
int usdt__image_is_mapped(uint64_t device, uint64_t inode, const char *path);

/* One that is mapped belongs to this room from now on, until it is dropped:
 * unmapped and freed.  Its file stays, for tracers. */
void usdt__image_keep(struct usdt__image *image);
void usdt__image_drop(struct usdt__image *image);
/* The same for one whose provider lives: a tombstone takes its place.  Returns
 * 0, or an errno: it is still there. */
int usdt__image_bury(struct usdt__image *image);
/* How many belong to it. */
extern size_t usdt__images_mapped;

/*
 * In a forked child: take the kernel's changes out of the text of all images,
 * since they call what the child does not have, and have it make them anew.
 * Only system calls.
 */
void usdt__images_renew(void);

/* As far as can be seen from here: can others still open the file? */
int usdt__image_present(const struct usdt__image *image);

/* Where they find it. */
void usdt__image_path(const struct usdt__image *image,
    char out[USDT_PATH_SIZE]);

/* --- image/file.c: in which file does an image live? -------------------- */

/* The directory of this user's images below PARENT, which is short. */
#define USDT__DIR_SIZE	64
void usdt__image_dir(const char *parent, char out[USDT__DIR_SIZE]);

/* Where the bytes of an image are built, a part at a time. */
#define USDT__WINDOW		65536
#define USDT__FILE_WINDOW	16384
struct usdt__window {
	uint8_t *bytes;			/* to be freed */
	size_t size;			/* whole words */
	uint8_t *file;			/* for those of a file */
	size_t file_size;
};

/*
 * Find or make the file with this image's bytes and map it, through a window.
 * The caller holds the library's lock.
 */
int usdt__image_take(const struct usdt__elf *elf,
    const struct usdt__window *window, const uint8_t id[USDT__ID_SIZE],
    struct usdt__arena *arena, struct usdt__image **image,
    struct usdt__why *why);

/* --- core/pages.c: where do stubs and documents live without a file? ----- */

struct usdt__pages {
	const uint8_t *stubs;
	size_t stubs_size;
	uint8_t *document;
	size_t document_size;		/* whole pages */
};

/*
 * Take COUNT stubs that nobody ever had, and, near to them, SIZE zeros for a
 * document.  All of this is under the library's lock.
 */
int usdt__pages_take(const struct usdt__stub *stub, size_t count, size_t size,
    struct usdt__pages *pages, struct usdt__why *why);
/* The document has been written, and stays as it is. */
int usdt__pages_seal(struct usdt__pages *pages, struct usdt__why *why);
/* Unmap the document; the stubs stay, but if nobody was TOLD of them they are
 * free for others. */
void usdt__pages_drop(struct usdt__pages *pages, int told);

/* --- image/stash.c: which records does the helper keep of a former program? */

/*
 * The document in IMAGE, which is mapped and which the helper at DEVICE does not
 * have, is about to be handed over: have the helper drop what it keeps of a
 * program that this process was before an exec, if it can tell.  Returns 0, or
 * -1 and WHY something may be left.  Under the library's lock, which others may
 * have while the helper is at work.
 */
int usdt__stash_clear(const struct usdt__platform *row, const char *device,
    const struct usdt__image *image, struct usdt__why *why);
/* In a child, where no thread is at it any more. */
void usdt__stash_forget(int forked);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif /* USDT_IMAGE_H */
