/* tool: the commands besides the daemon, as main calls them. A tool reads its own options (see ask) and returns an exit code; it
 * owns nothing that outlives it.
 */
#ifndef MOONGATE_TOOLS_TOOL_H
#define MOONGATE_TOOLS_TOOL_H

/* argv[0] is the command's name. Returns enum exit_code. */
typedef int tool_run_fn(int argc, char **argv);

tool_run_fn explain_tool, diff_tool, test_tool, repl_tool;

#endif
