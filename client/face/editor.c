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

#include "complete.h"
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

/* --- completion, and keys of the config file --- */

static int word_start; /* where the word that is completed begins */

static char *next_word(const char *text, int state)
{
    static size_t at;
    if (state == 0) at = 0;
    char *word = complete_word(&current->chat, rl_line_buffer, word_start, text, at++);
    char *copy = word ? strdup(word) : NULL; /* readline frees it */
    free(word);
    return copy;
}

static char **complete(const char *text, int start, int end)
{
    (void)end;
    word_start = start;
    rl_attempted_completion_over = 1; /* never file names */
    return rl_completion_matches(text, next_word);
}

/* A key that stands for a line: which one, only its bytes say. */
static int bound_key(int count, int key)
{
    struct plain *p = current;
    char bytes[8];
    const struct config_pairs *keys = &p->chat.config->bind;
    (void)count, (void)key;
    for (size_t i = 0; i < keys->n; i++) {
        if (!config_key_bytes(keys->pair[i].name, bytes) || strcmp(bytes, rl_executing_keyseq) != 0) continue;
        chat_line(&p->chat, keys->pair[i].line);
        if (p->face->ran) p->face->ran(p);
        break;
    }
    return 0;
}

void editor_keys(struct plain *p)
{
    static char bound[CONFIG_PAIRS][8]; /* by the last call: what is not in the file any more goes */
    static size_t n;
    char bytes[8];
    const struct config_pairs *keys = &p->chat.config->bind;
    current = p;
    while (n)
        rl_bind_keyseq(bound[--n], NULL);
    for (size_t i = 0; i < keys->n; i++) {
        rl_command_func_t *function = rl_named_function(keys->pair[i].line);
        if (!config_key_bytes(keys->pair[i].name, bytes)) continue;
        rl_bind_keyseq(bytes, function ? function : bound_key);
        memcpy(bound[n++], bytes, sizeof bytes);
    }
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
    editor_keys(p);
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

/* What the line led to may have changed whom one talks to. */
static void editor_ran(struct plain *p)
{
    editor_prompt(p);
    rl_forced_update_display();
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
    .configured = editor_keys,
    .ran = editor_ran,
};
