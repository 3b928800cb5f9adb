/* program.c - processes: start, wait, kill. */
#include "tests/program.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { RUNNING_MAX = 16, ARGUMENTS_MAX = 96, TEXT_MAX = 4096 };

char program_directory[64];
static pid_t running[RUNNING_MAX]; /* 0: free */

double program_clock_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void running_replace(pid_t old, pid_t new)
{
    for (size_t k = 0; k < RUNNING_MAX; k++) {
        if (running[k] == old) {
            running[k] = new;
            return;
        }
    }
    fail_msg("more than %d programs at once", RUNNING_MAX);
}

static int open_unnamed(void)
{
    char path[] = "/tmp/program.XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    unlink(path);
    fcntl(file, F_SETFD, FD_CLOEXEC);
    return file;
}

/* In the child: descriptors, limits, exec. */
static void become(const struct program *program, const char *path, char *text)
{
    char *argument[ARGUMENTS_MAX];
    int n = 0;
    argument[n++] = strrchr(path, '/') + 1;
    for (char *rest = NULL, *word = strtok_r(text, " ", &rest); word && n < ARGUMENTS_MAX - 1;
         word = strtok_r(NULL, " ", &rest)) {
        argument[n++] = word;
    }
    argument[n] = NULL;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* the test program may crash */
    dup2(program->out_file, STDOUT_FILENO);
    dup2(program->err_file, STDERR_FILENO);
    execvp(path, argument);
    _exit(127);
}

void program_start(struct program *program, const char *path, const char *arguments)
{
    char text[TEXT_MAX];
    assert_true(strlen(arguments) < sizeof text);
    strcpy(text, arguments);
    *program = (struct program){.out_file = open_unnamed(), .err_file = open_unnamed()};
    program->start_s = program_clock_s();
    program->process = fork();
    assert_true(program->process >= 0);
    if (program->process == 0) {
        become(program, path, text);
    }
    running_replace(0, program->process);
}

void program_launch(struct program *program, const char *path, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    assert_in_range(n, 0, sizeof text - 1);
    program_start(program, path, text);
}

static char *read_whole(int file)
{
    off_t n_bytes = lseek(file, 0, SEEK_END);
    assert_true(n_bytes >= 0);
    char *text = malloc((size_t)n_bytes + 1);
    assert_non_null(text);
    size_t n_read = 0;
    while (n_read < (size_t)n_bytes) {
        ssize_t n = pread(file, text + n_read, (size_t)n_bytes - n_read, (off_t)n_read);
        assert_true(n > 0);
        n_read += (size_t)n;
    }
    text[n_read] = '\0';
    return text;
}

static void reap(struct program *program, int ended)
{
    program->wall_s = program_clock_s() - program->start_s;
    program->exit_status = WIFEXITED(ended) ? WEXITSTATUS(ended) : 128 + WTERMSIG(ended);
    running_replace(program->process, 0);
    program->process = 0;
    program->out = read_whole(program->out_file);
    program->err = read_whole(program->err_file);
}

static bool has_crashed(const struct program *program)
{
    return program->exit_status == 127 || program->exit_status == 128 + SIGSEGV ||
           program->exit_status == 128 + SIGABRT || program->exit_status == 128 + SIGBUS ||
           program->exit_status == 128 + SIGFPE || program->exit_status == 128 + SIGILL ||
           strstr(program->err, "Sanitizer") || strstr(program->err, "runtime error:");
}

static void wait_until(struct program *program, double timeout_s)
{
    const double end_s = program_clock_s() + timeout_s * (PROGRAM_IS_SLOW ? 10.0 : 1.0);
    int ended = 0;
    bool late = false;
    pid_t process;
    while ((process = waitpid(program->process, &ended, WNOHANG)) == 0) {
        if (program_clock_s() > end_s && !late) {
            late = true;
            kill(program->process, SIGKILL);
        }
        nap();
    }
    assert_int_equal(process, program->process);
    reap(program, ended);
    if (late) {
        fail_msg("still running after %g s; stderr:\n%s", timeout_s, program->err);
    }
}

bool program_has_ended(const struct program *program)
{
    siginfo_t about = {0};
    assert_int_equal(waitid(P_PID, (id_t)program->process, &about, WEXITED | WNOHANG | WNOWAIT), 0);
    return about.si_pid != 0;
}

void program_wait(struct program *program, double timeout_s)
{
    wait_until(program, timeout_s);
    if (has_crashed(program)) {
        fail_msg("crashed, exit status %d; stderr:\n%s", program->exit_status, program->err);
    }
}

void program_wait_killed(struct program *program, int number, double timeout_s)
{
    wait_until(program, timeout_s);
    if (program->exit_status != 128 + number) {
        fail_msg("exit status %d, not %d; stderr:\n%s", program->exit_status, 128 + number,
                 program->err);
    }
}

static void run_text(struct program *program, char text[TEXT_MAX], const char *format,
                     va_list arguments)
{
    int n = vsnprintf(text, TEXT_MAX, format, arguments);
    assert_in_range(n, 0, TEXT_MAX - 1);
    program_start(program, PROGRAM_ZPREADER, text);
    program_wait(program, 20.0);
}

void program_run(struct program *program, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    run_text(program, text, format, arguments);
    va_end(arguments);
}

json_t *program_run_events(int exit_status, const char *format, ...)
{
    struct program program;
    char text[TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    run_text(&program, text, format, arguments);
    va_end(arguments);
    if (program.exit_status != exit_status) {
        fail_msg("exit status %d: %s\n%s", program.exit_status, text, program.err);
    }
    json_t *events = program_events(&program);
    program_check_events(events);
    program_free(&program);
    return events;
}

void program_await_lines(struct program *program, const char *text, size_t n, double timeout_s)
{
    const double end_s = program_clock_s() + timeout_s * (PROGRAM_IS_SLOW ? 10.0 : 1.0);
    for (;;) {
        char *out = read_whole(program->out_file);
        size_t n_found = 0;
        for (const char *at = out; (at = strstr(at, text)); at++) {
            n_found++;
        }
        free(out);
        if (n_found >= n) {
            return;
        }
        if (program_clock_s() > end_s) {
            fail_msg("%zu of %zu lines with '%s' in time", n_found, n, text);
        }
        nap();
    }
}

void program_succeeded(const struct program *program)
{
    if (program->exit_status != 0) {
        fail_msg("exit status %d; stderr:\n%s", program->exit_status, program->err);
    }
}

void program_check_refused(const char *arguments, const char *text)
{
    struct program program;
    program_run(&program, "%s", arguments);
    if (program.exit_status != 2 || !strstr(program.err, text)) {
        fail_msg("%s: status %d, %s", arguments, program.exit_status, program.err);
    }
    assert_string_equal(program.out, "");
    program_free(&program);
}

pid_t program_thread(pid_t process, const char *name)
{
    char path[300];
    pid_t found = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)process);
    DIR *tasks = opendir(path);
    assert_non_null(tasks);
    for (struct dirent *task; (task = readdir(tasks));) {
        char text[32] = "";
        snprintf(path, sizeof path, "/proc/%d/task/%s/comm", (int)process, task->d_name);
        FILE *file = task->d_name[0] == '.' ? NULL : fopen(path, "r");
        if (file && fgets(text, sizeof text, file) && strncmp(text, name, strlen(name)) == 0) {
            found = (pid_t)atoi(task->d_name);
        }
        if (file) {
            fclose(file);
        }
    }
    closedir(tasks);
    assert_true(found > 0);
    return found;
}

void program_free(struct program *program)
{
    if (program->process > 0) {
        kill(program->process, SIGKILL);
        waitpid(program->process, NULL, 0);
        running_replace(program->process, 0);
    }
    if (program->out_file > 0) { /* or it was never started */
        close(program->out_file);
        close(program->err_file);
    }
    free(program->out);
    free(program->err);
    *program = (struct program){.out_file = -1, .err_file = -1};
}

int program_set_up(void **state)
{
    (void)state;
    strcpy(program_directory, "/tmp/test_program.XXXXXX");
    return mkdtemp(program_directory) ? 0 : -1;
}

int program_tear_down(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", program_directory);
    return system(command);
}

int program_kill_all(void **state)
{
    (void)state;
    for (size_t k = 0; k < RUNNING_MAX; k++) {
        if (running[k] > 0) {
            kill(running[k], SIGKILL);
            waitpid(running[k], NULL, 0);
            running[k] = 0;
        }
    }
    return 0;
}

int program_free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n_bytes = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &n_bytes), 0);
    close(listener);
    return ntohs(address.sin_port);
}

void program_write_file(const char *path, const void *bytes, size_t n_bytes)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n_bytes, file), n_bytes);
    assert_int_equal(fclose(file), 0);
}

char *program_read_file(const char *path, size_t *n_bytes)
{
    int file = open(path, O_RDONLY);
    assert_true(file >= 0);
    *n_bytes = (size_t)lseek(file, 0, SEEK_END);
    char *text = read_whole(file);
    close(file);
    return text;
}
