/* softusrp_rig.c - the software USRP under a test's control. */
#include "tests/softusrp_rig.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ARGUMENTS_MAX 2048
#define READY_S 20.0
#define REPORT_S 10.0
#define REPORT_END "\"complete\":true}\n"

void softusrp_rig_start(struct softusrp_rig *rig, const char *format, ...)
{
    char text[ARGUMENTS_MAX];
    va_list arguments;
    va_start(arguments, format);
    const int n = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    assert_in_range(n, 0, sizeof text - 1);
    *rig = (struct softusrp_rig){0};
    program_start(&rig->program, PROGRAM_SOFTUSRP, text);
    program_await_lines(&rig->program, "ready", 1, READY_S);
}

/* The last line that a report stands in. */
static json_t *last_report(int file)
{
    const off_t n_bytes = lseek(file, 0, SEEK_END);
    assert_true(n_bytes > 0);
    char *text = calloc(1, (size_t)n_bytes + 1);
    assert_non_null(text);
    assert_int_equal(pread(file, text, (size_t)n_bytes, 0), n_bytes);
    char *end = strrchr(text, '\n');
    assert_non_null(end); /* lines are written whole */
    *end = '\0';
    const char *start = strrchr(text, '\n');
    json_error_t error;
    json_t *report = json_loads(start ? start + 1 : text, 0, &error);
    if (!report) {
        print_error("%s\n", error.text);
    }
    free(text);
    assert_non_null(report);
    return report;
}

const json_t *softusrp_rig_report(struct softusrp_rig *rig)
{
    assert_int_equal(kill(rig->program.process, SIGUSR1), 0);
    program_await_lines(&rig->program, REPORT_END, ++rig->n_reports, REPORT_S);
    json_decref(rig->report);
    rig->report = last_report(rig->program.out_file);
    return rig->report;
}

const json_t *softusrp_rig_stop(struct softusrp_rig *rig)
{
    assert_int_equal(kill(rig->program.process, SIGTERM), 0);
    program_wait(&rig->program, REPORT_S);
    program_succeeded(&rig->program);
    json_decref(rig->report);
    rig->report = last_report(rig->program.out_file);
    return rig->report;
}

void softusrp_rig_free(struct softusrp_rig *rig)
{
    json_decref(rig->report);
    rig->report = NULL;
    program_free(&rig->program);
}

const json_t *softusrp_rig_value(const json_t *report, const char *path)
{
    char copy[256];
    assert_in_range(snprintf(copy, sizeof copy, "%s", path), 1, sizeof copy - 1);
    const json_t *value = report;
    char *rest = NULL;
    for (char *word = strtok_r(copy, ".", &rest); word && value;
         word = strtok_r(NULL, ".", &rest)) {
        value = json_is_array(value) ? json_array_get(value, strtoul(word, NULL, 10))
                                     : json_object_get(value, word);
    }
    if (!value) {
        fail_msg("the report has no %s", path);
    }
    return value;
}

double softusrp_rig_number(const json_t *report, const char *path)
{
    const json_t *value = softusrp_rig_value(report, path);
    return json_is_null(value) ? (double)NAN : json_number_value(value);
}

double softusrp_rig_injected(const json_t *report, unsigned device, const char *fault)
{
    char path[64];
    snprintf(path, sizeof path, "devices.%u.faults", device);
    const json_t *row = json_object_get(softusrp_rig_value(report, path), fault);
    return row ? json_number_value(json_object_get(row, "n")) : 0.0;
}
