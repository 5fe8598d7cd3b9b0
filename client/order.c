/* order.c - see order.h. The value: version u8 (1), pid u32, op u8, role u8, until u64, room, subject and text
 * str8 each, entry str16. */
#include "order.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FORMAT = 1 };

static const struct slice no_name = {(const uint8_t *)"", 0};

static void put_text(struct buf *b, const char *text)
{
    buf_put_str8(b, text, strlen(text));
}

int order_keep(struct vault *v, const struct group_order *o)
{
    struct buf b = {0};
    buf_put_u8(&b, FORMAT);
    buf_put_u32(&b, (uint32_t)getpid());
    buf_put_u8(&b, o->op);
    buf_put_u8(&b, o->role);
    buf_put_u64(&b, o->until_ms);
    put_text(&b, o->room);
    put_text(&b, o->subject);
    put_text(&b, o->text);
    buf_put_str16(&b, buf_len(&o->entry) ? buf_head(&o->entry) : no_name.data, buf_len(&o->entry));
    int r = vault_put(v, VAULT_GROUP_ORDER, no_name, o->number, (struct slice){buf_head(&b), buf_len(&b)});
    buf_free(&b);
    return r < 0 ? -1 : 0;
}

int order_drop(struct vault *v, const struct group_order *o)
{
    return vault_drop(v, VAULT_GROUP_ORDER, no_name, o->number) < 0 ? -1 : 0;
}

static void take_text(char *out, size_t size, struct cur *c)
{
    struct slice s = cur_str8(c);
    snprintf(out, size, "%.*s", (int)s.len, (const char *)s.data);
}

static bool decode(struct group_order *o, struct slice value, pid_t *pid)
{
    struct cur c = cur_of(value.data, value.len);
    if (cur_u8(&c) != FORMAT) return false;
    *pid = (pid_t)cur_u32(&c);
    o->op = cur_u8(&c);
    o->role = cur_u8(&c);
    o->until_ms = cur_u64(&c);
    take_text(o->room, sizeof o->room, &c);
    take_text(o->subject, sizeof o->subject, &c);
    take_text(o->text, sizeof o->text, &c);
    struct slice entry = cur_str16(&c);
    if (!cur_end(&c)) return false;
    buf_put(&o->entry, entry.data, entry.len);
    return true;
}

/* One's own are in memory already, unless they are of an engine that is gone. */
static bool is_gone(pid_t pid)
{
    return pid == getpid() || pid <= 0 || (kill(pid, 0) < 0 && errno == ESRCH);
}

int order_claim(struct vault *v, uint64_t after, struct group_order *o)
{
    char name[VAULT_NAME] = "";
    uint64_t number = after;
    int r;
    while ((r = vault_next_value(v, VAULT_GROUP_ORDER, name, &number)) > 0) {
        struct buf value = {0};
        pid_t pid = 0;
        *o = (struct group_order){.number = number, .earlier = true};
        r = vault_get(v, VAULT_GROUP_ORDER, no_name, number, &value);
        bool good = r > 0 && decode(o, (struct slice){buf_head(&value), buf_len(&value)}, &pid);
        buf_free(&value);
        if (r < 0) return -1;
        if (good && is_gone(pid)) return order_keep(v, o) < 0 ? -1 : 1;
        buf_free(&o->entry);
        if (!good && order_drop(v, o) < 0) return -1; /* damaged, or of a program to come */
    }
    return r;
}
