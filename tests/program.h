/* program.h - the built programs run as a user runs them: arguments in, stdout, stderr and exit
 * status out, with a deadline; nothing started is left behind.                     layer: tests */
#ifndef TESTS_PROGRAM_H
#define TESTS_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#define PROGRAM_ZPREADER ZP_BUILD_DIR "/zpreader"
#define PROGRAM_FIELD ZP_BUILD_DIR "/tests/zmq_field"

/* Deadlines under sanitizers are longer, runs shorter and cases fewer. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PROGRAM_IS_SLOW true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PROGRAM_IS_SLOW true
#endif
#endif
#ifndef PROGRAM_IS_SLOW
#define PROGRAM_IS_SLOW false
#endif
#define PROGRAM_SCALE (PROGRAM_IS_SLOW ? 0.25 : 1.0) /* of the length of a long run */

struct program {
    pid_t process;
    int out_file, err_file;
    double start_s, wall_s;
    char *out, *err; /* zero-terminated, after program_wait */
    int exit_status; /* 128 + signal when one ended it */
};

double program_clock_s(void);

/* Fork and exec; arguments are separated by single spaces, none is empty. */
void program_start(struct program *program, const char *path, const char *arguments);

/* Wait until it ends; past the deadline (scaled under sanitizers) it is killed and the test
 * fails. A crash or a sanitizer's report fails the test too.   out  out, err, exit_status, wall_s */
void program_wait(struct program *program, double timeout_s);

bool program_has_ended(const struct program *program); /* and is still to be waited for */

/* The same where it is expected to die of a signal; anything else fails the test. */
void program_wait_killed(struct program *program, int number, double timeout_s);

/* zpreader: start and wait. */
__attribute__((format(printf, 2, 3))) void program_run(struct program *program, const char *format,
                                                       ...);
__attribute__((format(printf, 3, 4))) void program_launch(struct program *program, const char *path,
                                                          const char *format, ...);

/* Until stdout has n lines with the text; the test fails when that takes too long. */
void program_await_lines(struct program *program, const char *text, size_t n, double timeout_s);

/* Exit status 0 or the test fails, with stderr shown. */
void program_succeeded(const struct program *program);

/* A thread of a running process, by its name; the test fails when there is none. */
pid_t program_thread(pid_t process, const char *name);

void program_free(struct program *program); /* NULL-safe in its texts; kills what still runs */

/* cmocka fixtures of a group: a working directory, removed at the end; and of a test: whatever
 * it has started is killed. */
int program_set_up(void **state);
int program_tear_down(void **state);
int program_kill_all(void **state);
extern char program_directory[64];

/* A TCP port of 127.0.0.1 that nobody listens on now. */
int program_free_port(void);

/* Run zpreader to its end: its events, checked. Another exit status fails the test.   own  json_decref */
__attribute__((format(printf, 2, 3))) json_t *program_run_events(int exit_status,
                                                                 const char *format, ...);

/* zpreader ends with status 2, the text in its message and nothing on stdout. */
void program_check_refused(const char *arguments, const char *text);

/* All lines of stdout as an array of objects; anything else fails the test.   own  json_decref */
json_t *program_events(const struct program *program);
/* Every event has the contract's fields for its type, in the contract's formats; a summary ends
 * the run and there is no second one. */
void program_check_events(const json_t *events);

bool program_event_is(const json_t *event, const char *type);
const char *program_text(const json_t *event, const char *key);
double program_number(const json_t *event, const char *key);
size_t program_count(const json_t *events, const char *type);

/* The same text without the `host` objects.   own  free */
char *program_without_host(const char *text);

/* Run zpreader twice: its events must be the same, wall-clock figures apart. */
void program_check_repeats(const char *arguments);

/* Sorted, without repetition: EPCs of the reads; EPCs the simulated air gives its tags. */
#define PROGRAM_TAGS_MAX 256
struct program_epcs {
    size_t n;
    char epc[PROGRAM_TAGS_MAX][64];
};
void program_epcs_read(const json_t *events, struct program_epcs *epcs);
void program_epcs_truth(int n_tags, int seed, struct program_epcs *epcs);
void program_check_epcs(const json_t *events, int n_tags, int seed); /* all, and no other */

void program_write_file(const char *path, const void *bytes, size_t n_bytes);
char *program_read_file(const char *path, size_t *n_bytes); /* own  free */

#endif
