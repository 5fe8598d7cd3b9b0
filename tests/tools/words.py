#!/usr/bin/python3
"""words.py LIST > ipc/words_list.c - composes our 2,048 words from a word list, one a line
(Debian: /usr/share/dict/american-english-small of wamerican-small, version 2020.12.07-2).

words.py --check FILE.c verifies what the program relies on: 2,048 words in order, of 4 to 7 letters
a to z, no two alike in the first four letters. The choice itself is frozen with the file: a paper key
written today must be read in ten years, so the list is never made anew.
"""
import hashlib
import re
import sys

COUNT = 2048
ENDINGS = ('s', 'es', 'ed', 'd', 'ing', 'ly', 'er', 'r', 'est', 'st', 'ness', 'y', 'ier', 'ied', 'able', 'less', 'ish',
           'hood', 'ment')
# Nobody wants to read these aloud, or find them on paper between two others.
STEMS = """abus adulter alcoh anal anus arse assa assault bast bigot bitch blood bomb boob booz brothel bugg bullet bust butt
cadav cancer carcas casket castrat clit cocain cock coff coit colon condom coon corps corrupt crack crap cripp crook crotch cruel
cult cunt curse dago damn dead death deform demon depress desecrat destroy devil devilish diarr dick die dildo dirt disab diseas dope drug
drunk dumb dwarf dyke dying enema enslav erect erotic evil excre execut explo fag fanny fart fascis fat feces fellat femal fetish
fetus flesh foul freak fuck funer gang garro gay gender geno ghetto gore gory grave groin grope guilt gun gypsy hang harem harlot
hate hatre heathen hell heroin hitler homo honk hooker hostag human hump hung hymen idiot illegal impot incest infect injur insan
insult jail jerk jesus jew jihad junk kill kinky knif knock lame lesb lewd libid limp loath loser lust lynch maim male mamm manure
martyr massac mating menac menstru mental midge midget moist molest moron mortal mucus muffin mugger mulat murder muslim mutil mutant naked nasty
naus nazi necro negr nigg nipple nitwi nood nude nudi obes obscen octoroon offal oppress orgas orgy oriental ovar pagan paki pansy panti
panty paranoi peder pee pen penal penis perv pimp piss plagu poison poop porn pox prais pregn prick priest prison prosti prude psych
pube pubi puke punk pus pussy queer rabid race racial racis rapis rape raping rabi rectal rectum relig retard rotten rump sadis satan savag
scalp scar scrot scum seduc semen seman semin sever sewag sewer sex shit sick sin sissy skull slag slap slaught slav slay slim slit slut smut snot
sodom sperm spic spit squaw stab stalk starv steril stink stool strang strip stripper stupi suck suffer suici swast sweat swine tampon
tar terror testic thief thiev throe thug tit tomb tortur tramp trann tumor turd twat ugly urin uter vagin venom victim vile vio virg
vomi vulg vulv war weapon weed wench whip whor wick widow witch wom wound wreck yid zit hoe anorex
assass atroc bleed cremat crucif crutch cyanid deceas decay degrad famine gallow gangren germ guillot harass herpes hijack hoodl
homicid horny hostil humili indecen inferior infid invad invalid leper lepr leth lice liquor loin maniac massag midriff morgu
morph mosqu mullah narcot noose nukes obitu opium orphan outlaw panic pedo pervert pillag plunder potty prejud prophet pulpit rabble
rebel revolt riot rogue rubbl rubber ruin sacrif savage scorn scourg shack shame smack smear snipe spank spite spleen stag starve stillb
sweaty tabo tainted tattoo tease thong toilet toxic traitor trash trauma tyran ulcer underw unholy vampir vandal vermin villa vicious
waist welfare whale worthl wrath wretch wrist yank zealot abort adult afflic alien allah amput baptis baptiz belly bible bishop bosom
bowel breast bride burgl burial casual celib christ church clergy convict crime cross cyst derang despair despis despot doom
drown dung exile faith fear filth fiend flirt ghost gland gospel grief grim gross grudg haunt heresy heret hernia hideo holy horr
hunger hymn idol inmate islam kidnap koran leech lesion lonely lynx maggot misery mob monk mourn mummy nun pain papal parasit pastor
pest pope preach pray psalm rabbi rage rat relic rival rubbish saint scare scream shroud siege slime slum snob sob sorrow soul strife
suspect swear synag temple threat torment ungod urge vice wail weep arson bawdy buxom muff hick slob spade fetid livid retch goon louse bung
gimme kinda dunno wanna altho reis noes yack whew bile belch burp vomit roach runt tabu hewn wive zombi sham fiche""".split()


def inflected(word, known):
    """Made from a shorter word of the list by one of the usual endings."""
    for end in ENDINGS:
        if word.endswith(end) and len(word) - len(end) >= 3:
            stem = word[:-len(end)]
            if stem in known or stem + 'e' in known or (stem[-1] == stem[-2] and stem[:-1] in known):
                return True
    return False


def compose(path):
    with open(path, encoding='utf-8') as lines:
        known = {line.strip() for line in lines if re.fullmatch('[a-z]+', line.strip())}
    best = {}
    for word in sorted(known):
        if (not 4 <= len(word) <= 7 or inflected(word, known) or word.startswith(tuple(STEMS)) or
                re.fullmatch('[clxvi]+', word)): # numerals
            continue
        old = best.get(word[:4])
        if not old or len(word) < len(old):
            best[word[:4]] = word
    # The short ones; among those of the last length a draw that anybody can repeat.
    order = sorted(best.values(), key=lambda w: (len(w), hashlib.sha256(w.encode()).digest()))
    return sorted(order[:COUNT])


HEAD = '''/*
 * words_list.c - see words.h. Made once by tests/tools/words.py and frozen; 4 to 7 letters, in order,
 * no two alike in the first four. Selected from SCOWL (Debian: wamerican-small), which is
 * Copyright 2000-2011 by Kevin Atkinson. Permission to use, copy, modify, distribute and sell these
 * word lists, the associated scripts, the output created from the scripts, and its documentation for
 * any purpose is hereby granted without fee, provided that the above copyright notice appears in all
 * copies and that both that copyright notice and this permission notice appear in supporting
 * documentation. Kevin Atkinson makes no representations about the suitability of this array for any
 * purpose. It is provided "as is" without express or implied warranty.
 */
#include "words.h"

/* clang-format off */
const char words_list[WORDS_COUNT][WORDS_LETTERS + 1] = {
'''


def write(words):
    out, line = [], '   '
    for word in words:
        piece = ' "%s",' % word
        if len(line) + len(piece) > 96:
            out.append(line)
            line = '   '
        line += piece
    return HEAD + '\n'.join(out + [line]) + '\n};\n'


def check(path):
    with open(path, encoding='utf-8') as text:
        words = re.findall(r'"([a-z]+)",', text.read())
    wrong = [w for w in words if not 4 <= len(w) <= 7 or w.startswith(tuple(STEMS))]
    wrong += ['%s %s' % pair for pair in zip(words, words[1:]) if pair[0][:4] >= pair[1][:4]]
    print('words: %d, %d wrong %s' % (len(words), len(wrong), ' '.join(wrong[:9])))
    return 1 if wrong or len(words) != COUNT else 0


if __name__ == '__main__':
    if len(sys.argv) == 3 and sys.argv[1] == '--check':
        sys.exit(check(sys.argv[2]))
    sys.stdout.write(write(compose(sys.argv[1])))
