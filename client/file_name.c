/* file_name.c - see file_name.h. */
#include "file_name.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <utf8proc.h>

#include "show.h"

enum { EXTENSION_MAX = 16 };

static bool forbidden(int32_t cp)
{
    return cp < 0 || show_unsafe(cp) || (cp < 0x80 && strchr("\\/:*?\"<>|", cp));
}

/* The next character and its length; -1 and 1 for a byte that is not UTF-8. */
static int32_t next_char(struct slice text, size_t *n)
{
    int32_t cp;
    utf8proc_ssize_t len = utf8proc_iterate(text.data, (utf8proc_ssize_t)text.len, &cp);
    *n = len > 0 ? (size_t)len : 1;
    return len > 0 ? cp : -1;
}

static struct slice without_path(struct slice name)
{
    for (size_t i = name.len; i > 0; i--)
        if (name.data[i - 1] == '/' || name.data[i - 1] == '\\')
            return (struct slice){name.data + i, name.len - i};
    return name;
}

/* Each character that is not wanted becomes '_'. out ends at a character, however long the name is. */
static void replace(struct slice name, struct buf *out)
{
    size_t n;
    for (; name.len; name.data += n, name.len -= n) {
        if (forbidden(next_char(name, &n)))
            buf_put_u8(out, '_');
        else
            buf_put(out, name.data, n);
    }
}

/* Dots, dashes and blanks in front: hidden files, options. Dots and blanks at the end: what some systems drop. */
static struct slice trim(struct slice name)
{
    while (name.len && strchr(".- ", name.data[0])) {
        name.data++;
        name.len--;
    }
    while (name.len && strchr(". ", name.data[name.len - 1]))
        name.len--;
    return name;
}

/* Length of the extension with its dot, 0 when there is none worth keeping. */
static size_t extension(const char *name, size_t len)
{
    const char *dot = memrchr(name, '.', len);
    size_t n = dot ? len - (size_t)(dot - name) : 0;
    return n > 1 && n <= EXTENSION_MAX && n < len ? n : 0;
}

/* The stem cut at a character so that all fits into most bytes. */
static size_t cut_stem(const char *name, size_t stem, size_t most)
{
    if (stem <= most) return stem;
    while (most && ((uint8_t)name[most] & 0xC0) == 0x80)
        most--;
    return most;
}

/* Names that mean devices where disks are shared with other systems, with or without an extension. */
static bool reserved(const char *name, size_t len)
{
    static const char *const words[] = {"con", "prn", "aux", "nul"};
    const char *dot = memchr(name, '.', len);
    if (dot) len = (size_t)(dot - name);
    while (len && name[len - 1] == ' ')
        len--;
    for (size_t i = 0; i < 4; i++)
        if (len == 3 && strncasecmp(name, words[i], 3) == 0) return true;
    return len == 4 && (strncasecmp(name, "com", 3) == 0 || strncasecmp(name, "lpt", 3) == 0) && name[3] >= '0' &&
           name[3] <= '9';
}

void file_name_clean(struct slice given, char out[FILE_NAME_CAP])
{
    struct buf b = {0};
    replace(without_path(given), &b);
    struct slice name = trim((struct slice){b.data ? buf_head(&b) : (const uint8_t *)"", buf_len(&b)});
    if (name.len == 0) name = (struct slice){(const uint8_t *)"file", 4};
    const char *text = (const char *)name.data, *mark = reserved(text, name.len) ? "_" : "";
    size_t ext = extension(text, name.len);
    size_t stem = cut_stem(text, name.len - ext, FILE_NAME_MAX - ext - strlen(mark));
    snprintf(out, FILE_NAME_CAP, "%s%.*s%.*s", mark, (int)stem, text, (int)ext, text + name.len - ext);
    /* A cut may have left a blank at the end. */
    size_t len = strlen(out);
    while (len > 1 && (out[len - 1] == ' ' || out[len - 1] == '.'))
        out[--len] = '\0';
    buf_free(&b);
}

void file_name_numbered(const char *name, unsigned n, char out[FILE_NAME_CAP])
{
    char number[16] = "";
    size_t len = strlen(name), ext = extension(name, len);
    if (n > 1) snprintf(number, sizeof number, " (%u)", n);
    size_t stem = cut_stem(name, len - ext, FILE_NAME_MAX - ext - strlen(number));
    snprintf(out, FILE_NAME_CAP, "%.*s%s%.*s", (int)stem, name, number, (int)ext, name + len - ext);
}

int file_name_create(int folder, const char *name, const char *suffix, char made[FILE_NAME_CAP])
{
    for (unsigned n = 1; n <= FILE_NAME_TRIES; n++) {
        char numbered[FILE_NAME_CAP];
        file_name_numbered(name, n, numbered);
        if (snprintf(made, FILE_NAME_CAP, "%s%s", numbered, suffix) >= FILE_NAME_CAP) break;
        int fd = openat(folder, made, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd >= 0 || errno != EEXIST) return fd;
    }
    errno = EEXIST;
    return -1;
}

/* A file system without renames that do not replace: link(2) does not either. */
static int move(int folder, const char *from, const char *to)
{
    if (renameat2(folder, from, folder, to, RENAME_NOREPLACE) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS) return -1;
    return linkat(folder, from, folder, to, 0) == 0 ? unlinkat(folder, from, 0) : -1;
}

int file_name_place(int folder, const char *from, const char *name, char made[FILE_NAME_CAP])
{
    for (unsigned n = 1; n <= FILE_NAME_TRIES; n++) {
        file_name_numbered(name, n, made);
        if (move(folder, from, made) == 0) return 0;
        if (errno != EEXIST) return -1;
    }
    return -1;
}
