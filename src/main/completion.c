/* `moongate completion bash`: what bash needs to complete words behind `moongate`.
 *
 * The text holds no list: each time it asks the program's own help for commands, options and words, and a running moongate for the names
 * of its servers, pools and clients. So it cannot differ from the program that it completes for.
 *
 * A name may hold any bytes, and `compgen -W` would carry out a command in it: so words are compared here.
 *
 * bash splits words at colons, which addresses have; so the line is split here, at spaces alone, and what stands before the last colon is
 * taken off again from what is offered.
 */
#include <stdio.h>
#include <string.h>

#include "base/process.h"
#include "main/commands.h"

static const char bash_text[] =
    "# bash completion for moongate: source it, or put it where bash-completion looks.\n"
    "_moongate()\n"
    "{\n"
    "    local line=${COMP_LINE:0:COMP_POINT} program=${COMP_WORDS[0]} command='' cur prev=''\n"
    "    local help offer='' head='' i socket=() words=() all=()\n"
    "    COMPREPLY=()\n"
    "    read -ra words <<<\"$line\"\n"
    "    cur=${line##*[[:space:]]}\n"
    "    [ -n \"$cur\" ] && unset 'words[-1]'\n"
    "    [ ${#words[@]} -gt 1 ] && prev=${words[-1]} && command=${words[1]}\n"
    "    case $command in -* | */* | *.*) command='' ;; esac\n"
    "    help=$(\"$program\" help ${command:+\"$command\"} 2>/dev/null)\n"
    "\n"
    "    # The argument of an option: one of its words, else a file.\n"
    "    case $prev in\n"
    "    -*)\n"
    "        offer=$(awk -v name=\"$prev\" '\n"
    "            { for (i = 1; i < NF && i < 4; i++) {\n"
    "                  word = $i; sub(/,$/, \"\", word)\n"
    "                  if (word != name) continue\n"
    "                  argument = $(i + 1)\n"
    "                  if (argument ~ /^--/) argument = $(i + 2)\n"
    "                  if (argument ~ /[|]/) { gsub(/[|]/, \" \", argument); print argument; exit "
    "}\n"
    "                  if (argument ~ /^[A-Z]/) { print \"-\"; exit }\n"
    "              } }' <<<\"$help\")\n"
    "        ;;\n"
    "    esac\n"
    "    if [ \"$offer\" = - ]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
    "        return\n"
    "    fi\n"
    "\n"
    "    if [ -n \"$offer\" ]; then\n"
    "        :\n"
    "    elif [ \"${cur:0:1}\" = - ]; then\n"
    "        offer=$(grep -oE '^  (-[a-zA-Z],|   ) --[a-z-]+' <<<\"$help\" | grep -oE -- "
    "'--[a-z-]+')\n"
    "    elif [ \"$command\" = ctl ]; then\n"
    "        for ((i = 2; i < ${#words[@]}; i++)); do\n"
    "            case ${words[i]} in\n"
    "            -s | --socket) socket=(--socket \"${words[++i]}\") ;;\n"
    "            --socket=*) socket=(\"${words[i]}\") ;;\n"
    "            --timeout) i=$((i + 1)) ;;\n"
    "            -*) ;;\n"
    "            *) head=\"$head ${words[i]}\" ;;\n"
    "            esac\n"
    "        done\n"
    "        _moongate_ask() { \"$program\" ctl --timeout 1 \"${socket[@]}\" \"$1\" 2>/dev/null | "
    "awk -v at=\"$2\" \"$3\"; }\n"
    "        case $head in\n"
    "        '') offer=$(awk '/^  [a-z]/ && $1 != \"moongate\" { print $1 }' <<<\"$help\") ;;\n"
    "        ' drain' | ' undrain' | ' weight') offer=$(_moongate_ask servers 2 'NR > 1 { print "
    "$at }') ;;\n"
    "        ' weight '*' '*) ;;\n"
    "        ' weight '*) offer=$(_moongate_ask servers 1 'NR > 1 { print $at }; END { print "
    "\"reset\" }') ;;\n"
    "        ' kill') offer=$(_moongate_ask clients 1 'NR > 1 { print $at }') ;;\n"
    "        ' record') mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); return ;;\n"
    "        ' explain') offer='get set delete touch incr' ;;\n"
    "        ' log-level') offer='error warn info debug trace reset' ;;\n"
    "        esac\n"
    "    elif [ \"$command\" = help ] || [ ${#words[@]} -eq 1 ]; then\n"
    "        offer=$(awk '$1 == \"moongate\" && $2 ~ /^[a-z]/ { print $2 }' <<<\"$help\")\n"
    "    fi\n"
    "    read -rd '' -a all <<<\"$offer\"\n"
    "    mapfile -t COMPREPLY < <(for i in \"${all[@]}\"; do\n"
    "        [[ $i = \"$cur\"* ]] && printf '%s\\n' \"$i\"; done | sort -u)\n"
    "    if [ \"$command\" != ctl ] && [ \"${cur:0:1}\" != - ] && [ \"${prev:0:1}\" != - ]; then\n"
    "        mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- \"$cur\")\n"
    "    fi\n"
    "    case $cur in\n"
    "    *:*) [[ $COMP_WORDBREAKS = *:* ]] &&\n"
    "        COMPREPLY=(\"${COMPREPLY[@]#\"${cur%\"${cur##*:}\"}\"}\") ;;\n"
    "    esac\n"
    "}\n"
    "complete -o filenames -F _moongate moongate\n";

int completion_tool(int argc, char **argv)
{
    bool asks = argc == 2 && strcmp(argv[1], "--help") == 0;
    if (argc == 2 && (strcmp(argv[1], "bash") == 0 || asks)) {
        fputs(asks ? "  moongate completion bash\n\n      prints what bash needs to complete words "
                     "behind moongate\n"
                   : bash_text,
              stdout);
        return EXIT_OK;
    }
    fputs("moongate: completion: give the shell: bash\n", stderr);
    return EXIT_USAGE;
}
