/* span.h - a span of time as people type it: 90s, 10m, 2h, 1d. */
#ifndef SPAN_H
#define SPAN_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"

/* A number and one of s, m, h, d; false when it is none, is zero, or is more than most seconds. */
bool span_seconds(struct slice word, uint32_t most, uint32_t *seconds);

#endif
