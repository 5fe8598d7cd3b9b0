/* rows.c - see rows.h. */
#include "rows.h"

#include <string.h>

#include "../../client.h"
#include "../../show.h"
#include "../mention.h"
#include "../report.h"
#include "../report_files.h"

static bool in_room(const struct vault_row *row)
{
    return row->m.flags & WIRE_FLAG_ROOM;
}

static bool is_me(const struct rows_reader *r, struct slice name)
{
    return name.len == strlen(r->me) && strncasecmp((const char *)name.data, r->me, name.len) == 0;
}

void rows_room(const struct rows_reader *r, const struct vault_row *row, char room[NAME_SIZE])
{
    bool copy = !in_room(row) && is_me(r, row->m.from); /* sent by another device of this account */
    show_word(room, NAME_SIZE, in_room(row) || copy ? row->m.to : row->m.from);
}

/* The words, and what kind of entry that is. */
static enum entry_kind put_words(const struct vault_row *row, struct buf *out)
{
    uint8_t form = WIRE_FORM_SAYS;
    struct slice text;
    if (report_event_words(out, &row->m, row->how)) return ENTRY_SYSTEM;
    if (!in_room(row) && row->how == VAULT_PLAIN) report_put(out, "[not sealed] ");
    bool known = client_body(row->m.body, &form, &text);
    if (form == WIRE_FORM_ACTS) {
        show_line(out, row->m.from);
        report_put(out, " ");
    }
    if (known)
        show_body(out, text, "");
    else if (row->how != VAULT_SEALED || !report_offer(out, row->m.body, ""))
        report_put(out, "[a message that this version cannot read]");
    return form == WIRE_FORM_ACTS ? ENTRY_ACTS : ENTRY_SAYS;
}

struct entry *rows_entry(const struct rows_reader *r, const struct vault_row *row)
{
    struct buf words = {0};
    char from[TIMELINE_FROM];
    enum entry_kind kind = put_words(row, &words);
    buf_put_u8(&words, 0);
    show_word(from, sizeof from, row->m.from);
    struct entry *e = entry_new(kind, from, (const char *)buf_head(&words), row->m.time_ms);
    buf_free(&words);
    e->own = is_me(r, row->m.from) && kind != ENTRY_SYSTEM;
    e->number = in_room(row) ? row->m.seq : 0;
    e->sent = e->own && row->m.from_device == r->device ? row->m.id : 0;
    if (e->own) e->mark = MARK_STORED; /* it has come back from the server */
    const struct slice shown = {(const uint8_t *)e->text, strlen(e->text)};
    e->mention = in_room(row) && !e->own && kind != ENTRY_SYSTEM && mention_in(shown, r->me, r->highlight ? r->highlight : "");
    return e;
}
