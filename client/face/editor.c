/*
 * editor.c - the line being typed: readline by its callback interface, so that nothing ever waits
 * for the keyboard alone. readline's callbacks carry no argument: the one conversation there can be
 * on a terminal is kept in a static pointer.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <readline/readline.h>

#include "command.h"
#include "plain.h"
#include "typed.h"

static struct plain *current;
static bool in_handler; /* readline has taken its line off the screen itself */

static void make_prompt(const struct plain *p, char out[NAME_SIZE + 8])
{
    snprintf(out, NAME_SIZE + 8, "[%s] ", p->chat.target);
}

/* The conversation has another target. */
static void editor_prompt(struct plain *p)
{
    char prompt[NAME_SIZE + 8];
    make_prompt(p, prompt);
    rl_set_prompt(prompt);
}

static void on_line(char *line)
{
    struct plain *p = current;
    if (!line) { /* Ctrl-D on an empty line */
        plain_quit(p);
        rl_crlf();
        return;
    }
    p->interrupted_at = 0;
    typed_add(line);
    in_handler = true;
    chat_line(&p->chat, line);
    in_handler = false;
    free(line);
    editor_prompt(p);
}

/* --- completion: commands at the start of a line, names elsewhere --- */

static char *next_command(const char *text, int state)
{
    static int at;
    if (state == 0) at = 0;
    while (commands[at].name) {
        const char *name = commands[at++].name;
        if (strncasecmp(name, text + 1, strlen(text + 1)) != 0) continue;
        char *word = malloc(strlen(name) + 2);
        if (word) snprintf(word, strlen(name) + 2, "/%s", name);
        return word;
    }
    return NULL;
}

static char *next_name(const char *text, int state)
{
    static size_t at;
    const struct names *names = &current->chat.names;
    if (state == 0) at = 0;
    at = names_match(names, at, text);
    return at < names->n ? strdup(names->name[at++]) : NULL;
}

static char **complete(const char *text, int start, int end)
{
    (void)end;
    rl_attempted_completion_over = 1; /* never file names */
    return rl_completion_matches(text, start == 0 && text[0] == '/' ? next_command : next_name);
}

/* --- the terminal --- */

static bool editor_open(struct plain *p, struct why *why)
{
    (void)why;
    char prompt[NAME_SIZE + 8];
    current = p;
    rl_readline_name = NAME;
    rl_catch_signals = 0; /* they come by signalfd */
    rl_catch_sigwinch = 0;
    rl_attempted_completion_function = complete;
    rl_completer_word_break_characters = " ";
    rl_variable_bind("enable-bracketed-paste", "on");
    typed_open(&p->s);
    make_prompt(p, prompt);
    rl_callback_handler_install(prompt, on_line);
    return true;
}

static void editor_close(struct plain *p)
{
    if (!current) return;
    rl_clear_visible_line();
    rl_callback_handler_remove();
    fflush(stdout);
    typed_close(&p->s);
    current = NULL;
}

static void editor_key(struct plain *p)
{
    (void)p;
    rl_callback_read_char();
}

/* Prints above the line being typed. */
static void editor_print(struct plain *p, const char *text)
{
    (void)p;
    if (!in_handler) rl_clear_visible_line();
    fputs(text, stdout);
    fputc('\n', stdout);
    if (!in_handler) {
        rl_on_new_line();
        rl_redisplay();
    }
    fflush(stdout);
}

/* Clears the line. */
static void editor_interrupt(struct plain *p)
{
    if (plain_interrupted(p)) return;
    rl_callback_sigcleanup();
    rl_replace_line("", 0);
    editor_print(p, "(Ctrl-C once more quits)");
}

static void editor_resize(struct plain *p)
{
    (void)p;
    rl_resize_terminal();
}

static void editor_suspend(struct plain *p)
{
    (void)p;
    rl_clear_visible_line();
    rl_deprep_terminal();
    kill(getpid(), SIGSTOP);
    rl_prep_terminal(1);
    rl_forced_update_display();
}

static void editor_clear(struct plain *p)
{
    (void)p;
    rl_clear_screen(0, 0);
}

const struct face editor_face = {
    .open = editor_open,
    .close = editor_close,
    .key = editor_key,
    .interrupt = editor_interrupt,
    .resize = editor_resize,
    .suspend = editor_suspend,
    .print = editor_print,
    .clear = editor_clear,
};
