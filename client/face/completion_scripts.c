/*
 * completion_scripts.c - csce513fall24Msg completion SHELL: the places of completion.h in the words of each shell.
 * Every script finds the command and its place by leaving options out, then looks it up. Names are those that
 * `csce513fall24Msg rooms` knows, without a question: a locked home has none.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "completion.h"
#include "errand.h"
#include "out.h"
#include "report.h"
#include "verbs.h"

static void put_words(struct buf *out, const struct buf *words)
{
    if (buf_len(words)) buf_put(out, buf_head(words), buf_len(words));
}

/* "--server|--user", or with blanks between: the options that take a word, or all. */
static void put_options(struct buf *out, bool all, const char *between)
{
    const char *argument, *name;
    bool first = true;
    for (size_t i = 0; *(name = args_option(i, &argument)); i++) {
        if (!all && !argument) continue;
        report_put(out, "%s--%s", first ? "" : between, name);
        first = false;
    }
}

/* --- bash and zsh: the same case, with the shell's own last words --- */

/* What each shell says for "these words", "names" and "files". */
struct shell {
    const char *words, *end, *names, *files; /* words WORD... end */
};

static void put_kind(struct buf *out, const struct shell *sh, enum completion_kind kind, const struct buf *words)
{
    if (kind == COMPLETION_WORDS) {
        report_put(out, "%s", sh->words);
        put_words(out, words);
        report_put(out, "%s", sh->end);
    } else {
        report_put(out, "%s", kind == COMPLETION_NAMES ? sh->names : sh->files);
    }
}

static void put_option_cases(struct buf *out, const struct shell *sh)
{
    const char *argument, *name;
    enum completion_kind kind;
    report_put(out, "    case $prev in\n");
    for (size_t i = 0; *(name = args_option(i, &argument)); i++) {
        struct buf words = {0};
        if (argument && completion_of_option(name, argument, &kind, &words)) {
            report_put(out, "    --%s) ", name);
            put_kind(out, sh, kind, &words);
            report_put(out, "; return ;;\n");
        }
        buf_free(&words);
    }
    report_put(out, "    ");
    put_options(out, false, "|");
    report_put(out, "|-n) return ;;\n    esac\n");
}

static void put_place_cases(struct buf *out, const struct shell *sh)
{
    struct completions c = {0};
    completion_all(&c);
    report_put(out, "    case $verb/$sub/$place in\n");
    for (size_t i = 0; i < c.n; i++) {
        const struct completion *row = &c.row[i];
        report_put(out, "    %s/%s/%u) ", row->verb, row->place == 1 || !row->sub[0] ? "*" : row->sub, row->place);
        put_kind(out, sh, row->kind, &row->words);
        /* The same place may have words and names. */
        report_put(out, " %s\n", sh->end[0] == '"' ? ";;&" : ";|");
    }
    report_put(out, "    esac\n");
    completions_free(&c);
}

/* Which command it is, and which place behind it: $verb, $sub, $place; words of the line in $1... */
static void put_walk(struct buf *out)
{
    report_put(out, "    local word skip= verb= sub= place=0\n"
                    "    for word; do\n"
                    "        if [[ $word == [=:] ]]; then skip=1; continue; fi # bash makes words of them\n"
                    "        if [[ -n $skip ]]; then skip=; continue; fi\n"
                    "        case $word in\n        ");
    put_options(out, false, "|");
    report_put(out, "|-n) skip=1 ;;\n"
                    "        -?*) ;;\n"
                    "        *) if ((place == 0)); then verb=$word; elif ((place == 1)); then sub=$word; fi\n"
                    "           place=$((place + 1)) ;;\n"
                    "        esac\n"
                    "    done\n");
}

static void put_bash(struct buf *out)
{
    static const struct shell sh = {.words = "_" NAME "_offer \"", .end = "\"", .names = "_" NAME "_names",
                                    .files = "COMPREPLY+=($(compgen -f -- \"$cur\"))"};
    report_put(out,
               "# bash completion for " NAME ", made by: " NAME " completion bash\n"
               "_" NAME "_offer() { COMPREPLY+=($(compgen -W \"$1\" -- \"$cur\")); }\n"
               "_" NAME "_names() {\n"
               "    local name rest typed=${cur#[\\'\\\"\\\\]}\n"
               "    while read -r name rest; do\n"
               "        [[ $name == [#A-Za-z0-9]* && $name == \"$typed\"* ]] || continue\n"
               "        if [[ $cur != [\\'\\\"]* ]]; then name=${name/#\\#/\\\\#}; fi # or it begins a comment\n"
               "        COMPREPLY+=(\"$name\")\n"
               "    done < <(\"$program\" rooms </dev/null 2>/dev/null)\n"
               "}\n"
               "_" NAME "() {\n"
               "    local program=$1 cur=$2 prev=$3\n"
               "    COMPREPLY=()\n"
               "    if [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi\n");
    put_option_cases(out, &sh);
    report_put(out, "    if [[ $cur == -* ]]; then\n        _" NAME "_offer \"");
    put_options(out, true, " ");
    report_put(out, "\"\n        return\n    fi\n    set -- \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"\n");
    put_walk(out);
    report_put(out, "    if ((place == 0)); then\n        _" NAME "_offer \"");
    for (const struct verb *v = verbs; v->name; v++)
        report_put(out, "%s%s", v == verbs ? "" : " ", v->name);
    report_put(out, "\"\n        return\n    fi\n");
    put_place_cases(out, &sh);
    report_put(out, "}\ncomplete -F _" NAME " " NAME " csmsg\n");
}

/* Between single quotes. */
static void put_quoted(struct buf *out, const char *text)
{
    for (; *text; text++)
        report_put(out, *text == '\'' ? "'\\''" : "%c", *text);
}

/* In a list of "word:what it is", where a colon of the word is the only one that counts. */
static void put_described(struct buf *out, const char *word, const char *help)
{
    report_put(out, "        '%s:", word);
    put_quoted(out, help);
    report_put(out, "'\n");
}

static void put_zsh(struct buf *out)
{
    static const struct shell sh = {.words = "compadd -- ", .end = "", .names = "_" NAME "_names", .files = "_files"};
    const char *argument, *name;
    report_put(out,
               "#compdef " NAME " csmsg\n"
               "# zsh completion for " NAME ", made by: " NAME " completion zsh\n"
               "_" NAME "_names() {\n"
               "    local -a lines\n"
               "    lines=(${(f)\"$($program rooms </dev/null 2>/dev/null)\"})\n"
               "    compadd -- ${(M)${lines%%%% *}:#[#A-Za-z0-9]*}\n"
               "}\n"
               "_" NAME "() {\n"
               "    local program=$words[1] cur=$words[CURRENT] prev=$words[CURRENT-1]\n"
               "    local -a commands options\n"
               "    commands=(\n");
    for (const struct verb *v = verbs; v->name; v++)
        put_described(out, v->name, v->help);
    report_put(out, "    )\n    options=(\n");
    for (size_t i = 0; *(name = args_option(i, &argument)); i++) {
        char option[32];
        snprintf(option, sizeof option, "--%s", name);
        put_described(out, option, args_option_help(i));
    }
    report_put(out, "    )\n");
    put_option_cases(out, &sh);
    report_put(out, "    if [[ $cur == -* ]]; then _describe option options; return; fi\n"
                    "    set -- \"${(@)words[2,CURRENT-1]}\"\n");
    put_walk(out);
    report_put(out, "    if ((place == 0)); then _describe command commands; return; fi\n");
    put_place_cases(out, &sh);
    report_put(out, "}\n_" NAME " \"$@\"\n");
}

/* --- fish: a line for each place --- */

static void put_fish_kind(struct buf *out, enum completion_kind kind, const struct buf *words)
{
    if (kind == COMPLETION_FILES) {
        report_put(out, " -F");
    } else if (kind == COMPLETION_NAMES) {
        report_put(out, " -xa '(__" NAME "_names)'");
    } else {
        report_put(out, " -xa '");
        put_words(out, words);
        report_put(out, "'");
    }
}

static void put_fish_options(struct buf *out)
{
    const char *argument, *name;
    enum completion_kind kind;
    for (size_t i = 0; *(name = args_option(i, &argument)); i++) {
        struct buf words = {0};
        report_put(out, "complete -c " NAME " -l %s", name);
        if (argument && completion_of_option(name, argument, &kind, &words))
            put_fish_kind(out, kind, &words);
        else if (argument)
            report_put(out, " -x");
        if (argument && kind == COMPLETION_FILES) report_put(out, " -r");
        report_put(out, " -d '");
        put_quoted(out, args_option_help(i));
        report_put(out, "'\n");
        buf_free(&words);
    }
}

static void put_fish(struct buf *out)
{
    struct completions c = {0};
    report_put(out, "# fish completion for " NAME ", made by: " NAME " completion fish\n"
                    "function __" NAME "_operands\n"
                    "    set -l skip\n"
                    "    for word in (commandline -opc)[2..-1]\n"
                    "        if set -q skip[1]; set skip; continue; end\n"
                    "        switch $word\n"
                    "            case ");
    put_options(out, false, " ");
    report_put(out, " -n; set skip 1\n"
                    "            case '-?*'\n"
                    "            case '*'; echo -- $word\n"
                    "        end\n"
                    "    end\n"
                    "end\n"
                    "function __" NAME "_at # VERB SUB PLACE; SUB may be empty\n"
                    "    set -l o (__" NAME "_operands)\n"
                    "    test (count $o) -eq $argv[3]; or return 1\n"
                    "    test $argv[3] -eq 0; and return 0\n"
                    "    test $o[1] = $argv[1]; or return 1\n"
                    "    test -z $argv[2]; or test \"$o[2]\" = $argv[2]\n"
                    "end\n"
                    "function __" NAME "_names\n"
                    "    " NAME " rooms </dev/null 2>/dev/null | string match -r '^[#A-Za-z0-9]\\S*'\n"
                    "end\n"
                    "complete -c csmsg -w " NAME "\n"
                    "complete -c " NAME " -f\n");
    put_fish_options(out);
    for (const struct verb *v = verbs; v->name; v++) {
        report_put(out, "complete -c " NAME " -n '__" NAME "_at \"\" \"\" 0' -xa %s -d '", v->name);
        put_quoted(out, v->help);
        report_put(out, "'\n");
    }
    completion_all(&c);
    for (size_t i = 0; i < c.n; i++) {
        const struct completion *row = &c.row[i];
        report_put(out, "complete -c " NAME " -n '__" NAME "_at %s \"%s\" %u'", row->verb, row->sub, row->place);
        put_fish_kind(out, row->kind, &row->words);
        report_put(out, "\n");
    }
    completions_free(&c);
}

enum face_exit verb_completion(const struct args *o)
{
    static const struct {
        const char *name;
        void (*put)(struct buf *out);
    } shells[] = {{"bash", put_bash}, {"zsh", put_zsh}, {"fish", put_fish}};
    struct why why;
    struct buf script = {0};
    for (size_t i = 0; o->operands == 2 && i < sizeof shells / sizeof *shells; i++)
        if (strcmp(o->operand[1], shells[i].name) == 0) shells[i].put(&script);
    if (!buf_len(&script)) {
        why_set(&why, "for which shell? bash, zsh or fish");
        why_hint(&why, "for this one: source <(" NAME " completion bash)");
        return errand_error(o, "usage", &why);
    }
    script.len--; /* out_line() adds the last newline */
    bool written = out_line(STDOUT_FILENO, &script);
    buf_free(&script);
    return written ? EXIT_DONE : EXIT_LOCAL;
}
