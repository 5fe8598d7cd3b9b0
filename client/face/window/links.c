/* links.c - see links.h. */
#include "links.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool part_of_word(unsigned char c)
{
    return isalnum(c) || c >= 0x80;
}

/* Bytes of "http://" or "https://" here; 0: neither. */
static size_t scheme(const char *s)
{
    if (strncasecmp(s, "http", 4) != 0) return 0;
    size_t n = s[4] == 's' || s[4] == 'S' ? 5 : 4;
    return strncmp(s + n, "://", 3) == 0 ? n + 3 : 0;
}

static bool in_address(unsigned char c)
{
    return c > ' ' && c < 0x7F && !strchr("\"<>\\^`{|}", c);
}

/* A bracket is part of an address that opens it. */
static bool closes_nothing(const char *s, size_t n, char open, char close)
{
    int depth = 0;
    for (size_t i = 0; i < n; i++)
        depth += (s[i] == open) - (s[i] == close);
    return depth < 0;
}

static bool ends_sentence(const char *s, size_t n)
{
    char last = s[n - 1];
    return strchr(".,;:!?'*_", last) || (last == ')' && closes_nothing(s, n, '(', ')')) ||
           (last == ']' && closes_nothing(s, n, '[', ']'));
}

/* Length of the address that begins here; 0: none does. */
static size_t address(const char *s)
{
    size_t head = scheme(s), n = head;
    if (!head) return 0;
    while (in_address((unsigned char)s[n]))
        n++;
    while (n > head && ends_sentence(s, n))
        n--;
    return n > head && isalnum((unsigned char)s[head]) && n <= LINK_MAX ? n : 0;
}

bool links_next(const char *text, size_t *start, size_t *n)
{
    const char *s = text + *start;
    while ((s = strcasestr(s, "http"))) {
        bool inside = s > text && part_of_word((unsigned char)s[-1]);
        *n = inside ? 0 : address(s);
        *start = (size_t)(s - text);
        if (*n) return true;
        s += 4;
    }
    return false;
}

/* --- terminals --- */

static bool at_least(const char *version, double wanted)
{
    return version && strtod(version, NULL) >= wanted;
}

static bool is_one_of(const char *value, const char *const *names)
{
    for (; value && *names; names++)
        if (strncmp(value, *names, strlen(*names)) == 0) return true;
    return false;
}

bool links_known(char *(*env)(const char *name))
{
    static const char *const terms[] = {"xterm-kitty", "xterm-ghostty", "foot", "alacritty", "wezterm", NULL};
    static const char *const programs[] = {"iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper", "rio", "mintty", NULL};
    const char *program = env("TERM_PROGRAM");
    if (env("STY")) return false; /* GNU screen */
    if (env("TMUX")) return program && strcmp(program, "tmux") == 0 && at_least(env("TERM_PROGRAM_VERSION"), 3.4);
    return is_one_of(env("TERM"), terms) || is_one_of(program, programs) || env("WT_SESSION") ||
           at_least(env("VTE_VERSION"), 5000) || at_least(env("KONSOLE_VERSION"), 201200);
}
