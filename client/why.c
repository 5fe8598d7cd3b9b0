/* why.c - see why.h. */
#include "why.h"

#include <stdarg.h>
#include <stdio.h>

void why_set(struct why *w, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(w->what, sizeof w->what, fmt, ap);
    va_end(ap);
    w->hint[0] = '\0';
}

void why_hint(struct why *w, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(w->hint, sizeof w->hint, fmt, ap);
    va_end(ap);
}
