/* The sub-commands. Each takes what stands behind its name and returns the exit status: 0, 1 if any
 * file failed, 2 for wrong usage. */
#ifndef UT_CLI_COMMANDS_H
#define UT_CLI_COMMANDS_H

int ut_cli_run(int argc, char **argv);
int ut_cli_transcribe(int argc, char **argv);
int ut_cli_extract(int argc, char **argv);
int ut_cli_analyze(int argc, char **argv);
int ut_cli_serve(int argc, char **argv);
int ut_cli_evaluate(int argc, char **argv);
int ut_cli_train(int argc, char **argv);
int ut_cli_report(int argc, char **argv);
int ut_cli_features(int argc, char **argv);
int ut_cli_kb(int argc, char **argv);
int ut_cli_models(int argc, char **argv);
int ut_cli_init(int argc, char **argv);
int ut_cli_pipeline(int argc, char **argv);
int ut_cli_artifact(int argc, char **argv); /* also as "artifacts" */
int ut_cli_stack(int argc, char **argv);
int ut_cli_secret(int argc, char **argv);
int ut_cli_config(int argc, char **argv);

#endif
