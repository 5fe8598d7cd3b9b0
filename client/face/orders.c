/* orders.c - see orders.h. */
#include "orders.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

uint8_t order_role(const char *word)
{
    static const char *const names[] = {"", "member", "assistant", "owner"};
    for (uint8_t i = ROLE_MEMBER; i <= ROLE_OWNER; i++)
        if (strcasecmp(word, names[i]) == 0) return i;
    return ROLE_NONE;
}

bool order_span(const char *text, uint64_t now_ms, uint64_t *until_ms)
{
    static const struct {
        char unit;
        uint64_t ms;
    } units[] = {{'s', 1000}, {'m', 60 * 1000}, {'h', 3600 * 1000}, {'d', 24 * 3600 * 1000}};
    char *end;
    if (text[0] < '0' || text[0] > '9') return false;
    unsigned long n = strtoul(text, &end, 10);
    *until_ms = 0;
    if (n == 0 && (!end[0] || !end[1])) return true;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (end[0] == units[i].unit && !end[1] && n <= 36500) {
            *until_ms = now_ms + n * units[i].ms;
            return true;
        }
    return false;
}

uint64_t order_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}
