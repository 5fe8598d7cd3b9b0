/* ask_files.c - the operator's questions about files, and his order that ends one. */
#include <string.h>

#include "ask.h"
#include "blob.h"

enum { ID_LEAST = 8 /* digits that name a blob */ };

static json_t *blob_row(const struct blob *f)
{
    char hex[2 * BLOB_ID + 1];
    blob_hex(f->id, hex);
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:b, s:I, s:I, s:I, s:I, s:I}", "blob", hex, "user", f->from->name, "to", f->to,
                     "bytes", f->size == WIRE_BLOB_GROWS ? (json_int_t)-1 : (json_int_t)f->size, "counts",
                     (json_int_t)blob_counts(f), "complete", f->complete, "devices", (json_int_t)f->n_devices, "have",
                     (json_int_t)f->n_have, "declined", (json_int_t)f->n_declined, "made_ms", (json_int_t)f->created_ms,
                     "until_ms", (json_int_t)f->until_ms);
}

void ask_file_list(struct answer *a)
{
    for (const struct blob *f = a->broker->files->first; f; f = f->next)
        answer_line(a, blob_row(f));
}

/* By the first digits of its number. NULL: none, or several, and it was said. */
static struct blob *named(struct answer *a, struct slice rest)
{
    char hex[2 * BLOB_ID + 1];
    struct slice word = ask_word(&rest);
    struct blob *found = NULL;
    if (word.len < ID_LEAST || word.len > 2 * BLOB_ID || rest.len) {
        answer_error(a, "usage", "a file is named by its number, or by eight or more of its first digits; `file list` lists them");
        return NULL;
    }
    for (struct blob *f = a->broker->files->first; f; f = f->next) {
        blob_hex(f->id, hex);
        if (memcmp(hex, word.data, word.len) != 0) continue;
        if (found) {
            answer_error(a, "several", "several files begin like that; give more digits");
            return NULL;
        }
        found = f;
    }
    if (!found) answer_error(a, "no-such-blob", "no such file; `file list` lists them");
    return found;
}

bool ask_file_show(struct answer *a, struct slice rest)
{
    static const char *const states[] = {[BLOB_WAITS] = "waits", [BLOB_HAS] = "has", [BLOB_DECLINED] = "declined"};
    const struct blob *f = named(a, rest);
    if (!f) return true;
    answer_line(a, blob_row(f));
    for (size_t i = 0; i < f->n_devices; i++) {
        const struct blob_device *d = &f->to_device[i];
        answer_line(a, json_pack("{s:s, s:I, s:s}", "user", d->account->name, "device", (json_int_t)d->device, "state",
                                 d->state <= BLOB_DECLINED ? states[d->state] : "unknown"));
    }
    return true;
}

bool ask_file_delete(struct answer *a, struct slice rest)
{
    char hex[2 * BLOB_ID + 1];
    struct blob *f = named(a, rest);
    if (!f) return true;
    blob_hex(f->id, hex);
    answer_line(a, json_pack("{s:s}", "deleted", hex));
    blob_remove(a->broker, f, WIRE_BLOB_DELETED);
    return true;
}
