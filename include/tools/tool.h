/* tool: the commands besides the daemon, called by main. A tool reads its own options, does its work in this process or in
 * children that it waits for, and returns an exit code. It owns nothing that outlives it; main flushes the standard output behind
 * it (base/output.h).
 */
#ifndef MOONGATE_TOOLS_TOOL_H
#define MOONGATE_TOOLS_TOOL_H

/* argv[0] is the command's name. Returns enum exit_code. */
typedef int tool_run_fn(int argc, char **argv);

tool_run_fn explain_tool, diff_tool, copy_tool, verify_tool, convert_tool, test_tool, repl_tool,
    ctl_tool, recording_tool, top_tool, replay_tool;

#endif
