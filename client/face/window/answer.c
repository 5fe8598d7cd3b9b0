/* answer.c - see answer.h. */
#include "answer.h"

#include <stdlib.h>
#include <string.h>

static const char begins[] = "\033]11;";
enum { BEGINS = sizeof begins - 1, ESCAPE = 27, BELL = 7 };

/* "rgb:ffff/ff/f": a part as 0 to 1; *s moves behind it. Below 0: none. */
static double part(const char **s)
{
    char *end;
    unsigned long value = strtoul(*s, &end, 16);
    size_t digits = (size_t)(end - *s);
    *s = *end == '/' ? end + 1 : end;
    return digits >= 1 && digits <= 4 ? (double)value / (double)((1UL << (4 * digits)) - 1) : -1;
}

/* By what the eye takes for bright (ITU-R BT.601). */
static enum answer_is judge(const char *text)
{
    const char *s = strchr(text, ':');
    if (strncmp(text, "rgb", 3) != 0 || !s++) return ANSWER_NONE;
    double red = part(&s), green = part(&s), blue = part(&s);
    if (red < 0 || green < 0 || blue < 0) return ANSWER_NONE;
    return 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 ? ANSWER_LIGHT : ANSWER_DARK;
}

void answer_flush(struct answer *a, struct buf *keys)
{
    if (a->n >= BEGINS) return;
    buf_put(keys, a->text, a->n);
    a->n = 0;
}

bool answer_holds(const struct answer *a)
{
    return a->n > 0 && a->n < BEGINS;
}

/* Inside of an answer: BEL ends it, or ESC \. With anything that cannot stand in one it was cut, and is dropped. */
static enum answer_is inside(struct answer *a, uint8_t byte, struct buf *keys)
{
    bool escaped = a->text[a->n - 1] == ESCAPE, ends = escaped ? byte == '\\' : byte == BELL;
    bool goes_on = !escaped && (byte == ESCAPE || (byte && strchr("rgba:/0123456789abcdefABCDEF", byte)));
    if (goes_on && a->n < ANSWER_MAX - 1) {
        a->text[a->n++] = (char)byte;
        return ANSWER_NONE;
    }
    a->text[a->n] = '\0';
    a->n = 0;
    if (ends) return judge(a->text + BEGINS);
    if (escaped) answer_take(a, ESCAPE, keys);
    return answer_take(a, byte, keys);
}

enum answer_is answer_take(struct answer *a, uint8_t byte, struct buf *keys)
{
    if (a->n >= BEGINS) return inside(a, byte, keys);
    if (byte != (uint8_t)begins[a->n]) answer_flush(a, keys);
    if (byte == (uint8_t)begins[a->n])
        a->text[a->n++] = (char)byte;
    else
        buf_put_u8(keys, byte);
    return ANSWER_NONE;
}
