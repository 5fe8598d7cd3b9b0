/* config_table.c - the keys of the client's config: see config.h. One row makes parser, help, Tab and the file of
 * defaults; the manual page is compared with it. */
#include "config.h"

#include <string.h>

#define AT(member, T) CONF_AT(config_values, member, T)
#define MAX(member)   (sizeof((struct config_values *)0)->member - 1)

/* clang-format off */
#define TEXT(kind, name, def, help)   {"client", #name, kind, AT(name, char *), def, 0, MAX(name), NULL, help}
#define SWITCH(name, def, help)       {"client", #name, CONF_BOOL, AT(name, bool), def, 0, 0, NULL, help}
#define WORD(name, def, words, help)  {"client", #name, CONF_WORD, AT(name, unsigned), def, 0, 0, words, help}
#define DURATION(name, def, lo, hi, help) {"client", #name, CONF_TIME, AT(name, uint64_t), def, lo, hi, NULL, help}
#define COUNT(name, def, lo, hi, help)    {"client", #name, CONF_INT, AT(name, uint64_t), def, lo, hi, NULL, help}

static const char *const themes[] = {"auto", "dark", "light", "ansi", "none", NULL};
static const char *const notifies[] = {"off", "direct", "mentions", "all", NULL};
static const char *const waits[] = {"accepted", "delivered", NULL};

const struct conf_key config_table[] = {
    TEXT(CONF_STRING, profile, "", "the [profile NAME] that is used without --profile"),
    TEXT(CONF_STRING, server, "", "the server, HOST or HOST:PORT; empty: the only one known, else localhost"),
    TEXT(CONF_STRING, user, "", "your name; empty: the only one in the home"),
    TEXT(CONF_STRING, home, "", "where keys and messages are; empty: $XDG_DATA_HOME/csmsg"),
    TEXT(CONF_STRING, password_file, "", "a file whose first line is the passphrase of a locked store"),
    TEXT(CONF_STRING, password_command, "", "a command that writes the passphrase of a locked store"),
    SWITCH(accept_new, "no", "trust a server that was never seen before"),
    DURATION(timeout, "0", 0, 86400000, "give up after this long; 0: each command's own time"),
    WORD(wait, "accepted", waits, "what send waits for"),
    SWITCH(json, "no", "write one JSON object a line"),
    SWITCH(quiet, "no", "say nothing but errors"),
    SWITCH(verbose, "no", "say more about the connection"),
    SWITCH(no_color, "no", "no colours"),
    SWITCH(plain, "no", "the conversation line by line, for screen readers and simple terminals"),
    WORD(theme, "auto", themes, "colours for a dark or light background, the 16 of the terminal, or none; auto asks it"),
    WORD(notify, "mentions", notifies, "which messages ring: none, to you alone, those and mentions, all"),
    TEXT(CONF_LIST, highlight, "", "words that count as a mention, beside your name, with commas between"),
    TEXT(CONF_STRING, time_format, "%H:%M", "how a time is shown, as by strftime(3)"),
    SWITCH(read_receipts, "no", "tell others that their messages were read, and see who has read yours"),
    TEXT(CONF_STRING, download, "", "folder for files that come; empty: $XDG_DOWNLOAD_DIR, else ~/Downloads, else the present one"),
    TEXT(CONF_ROOMS, auto_accept, "",
         "files taken without asking: FROM SIZE, with commas between; FROM is a name, a #group or anybody"),
    COUNT(paste_lines, "3", 1, 1000, "on the full screen: pasting more lines than this asks what to do with them"),
};
/* clang-format on */

const size_t config_count = sizeof config_table / sizeof *config_table;

const struct conf_key *config_find(const char *key)
{
    char folded[64];
    size_t n = strlen(key);
    if (n >= sizeof folded) return NULL;
    for (size_t i = 0; i <= n; i++)
        folded[i] = key[i] == '-' ? '_' : key[i];
    for (size_t i = 0; i < config_count; i++)
        if (strcmp(config_table[i].key, folded) == 0) return &config_table[i];
    return NULL;
}
