/* publish_view.c - live table on a terminal (ncurses); the terminal comes back on every way out. */
/* before term.h, which makes macros of plain words (tone, lines) */
#include "config/log.h"
#include "config/require.h"
#include "reader/publish.h"
#include "reader/view_state.h"

#include <errno.h>
#include <inttypes.h>
#include <ncurses.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

#undef lines /* term.h */

enum {
    LOG_LINES = 16, /* kept; the last ones are shown */
    LOG_SHOWN = 3,
    LOG_CHARS = 256,
    HEAD_LINES = 5, /* title, three lines, column heads */
    FOOT_LINES = LOG_SHOWN + 1,
};

struct publisher_view {
    struct publisher_base base;
    struct record_context context;
    struct view_state state;
    char source[64];
    SCREEN *screen;
    size_t first_row; /* scrolled to */
};

static const struct view_key {
    int key;
    enum view_sort sort;
    const char *label;
} view_keys[] = {
    {'e', VIEW_SORT_EPC, "e EPC"},   {'c', VIEW_SORT_COUNT, "c count"},
    {'r', VIEW_SORT_RATE, "r rate"}, {'d', VIEW_SORT_RSSI, "d dB"},
    {'s', VIEW_SORT_SNR, "s SNR"},   {'p', VIEW_SORT_PHASE, "p phase"},
    {'b', VIEW_SORT_BLF, "b BLF"},   {'a', VIEW_SORT_SEEN, "a ago"},
};
_Static_assert(sizeof view_keys / sizeof *view_keys == VIEW_SORT_N, "one key per column");

/* ------------------------------------------------------------ log lines, from any thread */

static struct {
    pthread_mutex_t mutex;
    enum log_level level[LOG_LINES];
    char line[LOG_LINES][LOG_CHARS];
    size_t n_lines; /* ever; the newest is n_lines - 1 */
} view_log = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void log_take(enum log_level level, const char *line)
{
    pthread_mutex_lock(&view_log.mutex);
    const size_t at = view_log.n_lines++ % LOG_LINES;
    view_log.level[at] = level;
    snprintf(view_log.line[at], LOG_CHARS, "%s", line);
    pthread_mutex_unlock(&view_log.mutex);
}

/* What went by on the screen is gone with it: warnings and errors are said again. */
static void log_repeat(void)
{
    pthread_mutex_lock(&view_log.mutex);
    const size_t n = view_log.n_lines;
    for (size_t k = n > LOG_LINES ? n - LOG_LINES : 0; k < n; k++) {
        if (view_log.level[k % LOG_LINES] <= LOG_WARNING) {
            log_line(view_log.level[k % LOG_LINES], "%s", view_log.line[k % LOG_LINES]);
        }
    }
    view_log.n_lines = 0;
    pthread_mutex_unlock(&view_log.mutex);
}

/* ------------------------------------------------------- the terminal, and giving it back */

static const int fatal_signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGHUP, SIGQUIT};
enum { FATAL_SIGNALS = sizeof fatal_signals / sizeof *fatal_signals };

static struct {
    struct termios before;
    bool known;
    char leave[64]; /* escape sequence that leaves the full screen */
    size_t n_leave;
    struct sigaction action_before[FATAL_SIGNALS];
} terminal;

/* Only async-signal-safe calls; the signal then takes its usual course. */
static void terminal_rescue(int signal_number)
{
    ssize_t n = write(STDOUT_FILENO, terminal.leave, terminal.n_leave);
    (void)n;
    if (terminal.known) {
        tcsetattr(STDIN_FILENO, TCSANOW, &terminal.before);
    }
    raise(signal_number); /* SA_RESETHAND put the default back; delivered on return */
}

static void terminal_guard(void)
{
    const char *const sequences[] = {"rmkx", "rmcup", "cnorm", "sgr0"};
    terminal.n_leave = 0;
    for (size_t k = 0; k < sizeof sequences / sizeof *sequences; k++) {
        const char *text = tigetstr(sequences[k]);
        if (text && text != (const char *)-1) {
            size_t n = strlen(text);
            if (terminal.n_leave + n < sizeof terminal.leave) {
                memcpy(terminal.leave + terminal.n_leave, text, n);
                terminal.n_leave += n;
            }
        }
    }
    struct sigaction action = {.sa_handler = terminal_rescue, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    for (size_t k = 0; k < FATAL_SIGNALS; k++) {
        sigaction(fatal_signals[k], &action, &terminal.action_before[k]);
    }
}

static void terminal_unguard(void)
{
    for (size_t k = 0; k < FATAL_SIGNALS; k++) {
        sigaction(fatal_signals[k], &terminal.action_before[k], NULL);
    }
}

static bool terminal_is_capable(void)
{
    const char *name = getenv("TERM");
    const pid_t foreground = tcgetpgrp(STDOUT_FILENO);
    return name && *name && strcmp(name, "dumb") != 0 &&
           (foreground < 0 || foreground == getpgrp()); /* a background job would be stopped */
}

/* --------------------------------------------------------------------------------- drawing */

static void draw_text(int y, attr_t attributes, const char *text)
{
    attrset(attributes);
    mvaddnstr(y, 0, text, COLS);
    if (attributes & A_REVERSE) { /* the bar goes over the whole width */
        for (int x = (int)strlen(text); x < COLS; x++) {
            mvaddch(y, x, ' ');
        }
    }
    attrset(A_NORMAL);
}

static void draw_head(const struct publisher_view *view)
{
    char text[VIEW_TEXT_MAX];
    view_title_text(&view->state, view->context.reader_name, view->source, text);
    draw_text(0, A_REVERSE, text);
    const struct record_status *status = &view->state.status;
    bool trouble = status->late + status->overflows + status->underflows > 0;
    for (unsigned line = 0; line < 3; line++) {
        view_head_text(&view->state, line, (size_t)COLS, text);
        draw_text(1 + (int)line, line == 2 && trouble ? A_BOLD : A_NORMAL, text);
    }
}

static void draw_rows(struct publisher_view *view, size_t n_shown)
{
    struct view_state *state = &view->state;
    char text[VIEW_TEXT_MAX];
    size_t n_hex = view_tags_hex_digits(state->tags);
    const size_t n_room = COLS > VIEW_COLUMNS_CHARS + 8 ? (size_t)COLS - VIEW_COLUMNS_CHARS : 8;
    n_hex = n_hex > VIEW_HEX_DIGITS ? n_hex : VIEW_HEX_DIGITS;
    n_hex = n_hex < n_room ? n_hex : n_room;
    view_columns_text(state, n_hex, (size_t)COLS, text);
    draw_text(HEAD_LINES - 1, A_UNDERLINE, text);
    view_tags_sort(state->tags, state->sort, state->reversed);
    const size_t n_tags = view_tags_count(state->tags);
    const size_t last_first = n_tags > n_shown ? n_tags - n_shown : 0;
    view->first_row = view->first_row < last_first ? view->first_row : last_first;
    for (size_t k = 0; k < n_shown && view->first_row + k < n_tags; k++) {
        const struct view_tag *tag = view_tags_row(state->tags, view->first_row + k);
        view_row_text(state, tag, n_hex, (size_t)COLS, text);
        bool gone = state->now_s - tag->last_t_s > 5.0;
        draw_text(HEAD_LINES + (int)k, gone ? A_DIM : A_NORMAL, text);
    }
    if (n_tags == 0) {
        draw_text(HEAD_LINES, A_DIM, "no tag read yet");
    }
}

static void draw_log(void)
{
    pthread_mutex_lock(&view_log.mutex);
    const size_t n = view_log.n_lines;
    for (size_t k = 0; k < LOG_SHOWN && k < n; k++) {
        const size_t at = (n - 1 - k) % LOG_LINES;
        draw_text(LINES - 2 - (int)k, view_log.level[at] <= LOG_WARNING ? A_BOLD : A_DIM,
                  view_log.line[at]);
    }
    pthread_mutex_unlock(&view_log.mutex);
}

static void draw_foot(const struct publisher_view *view, size_t n_shown)
{
    draw_text(LINES - 1, A_REVERSE, " q quit |");
    int x = (int)sizeof " q quit |" - 1;
    for (size_t k = 0; k < VIEW_SORT_N; k++) {
        const struct view_key *key = &view_keys[k];
        x++;
        attrset(key->sort == view->state.sort ? A_NORMAL | A_BOLD : A_REVERSE);
        mvaddnstr(LINES - 1, x, key->label, COLS > x ? COLS - x : 0);
        x += (int)strlen(key->label);
    }
    char place[64];
    const size_t n_tags = view_tags_count(view->state.tags);
    if (n_tags > n_shown) {
        snprintf(place, sizeof place, " | - turn %zu-%zu/%zu", view->first_row + 1,
                 view->first_row + n_shown, n_tags);
    } else {
        snprintf(place, sizeof place, " | - turn");
    }
    attrset(A_REVERSE);
    mvaddnstr(LINES - 1, x, place, COLS > x ? COLS - x : 0);
    attrset(A_NORMAL);
}

static size_t rows_shown(void)
{
    return LINES > HEAD_LINES + FOOT_LINES ? (size_t)(LINES - HEAD_LINES - FOOT_LINES) : 0;
}

static void draw(struct publisher_view *view)
{
    erase();
    draw_head(view);
    draw_rows(view, rows_shown());
    if (LINES > HEAD_LINES + FOOT_LINES) {
        draw_log();
    }
    draw_foot(view, rows_shown());
    refresh();
}

/* ------------------------------------------------------------------------------------ keys */

static void scroll_by(struct publisher_view *view, long n_rows)
{
    long first = (long)view->first_row + n_rows; /* the far end is cut when drawing */
    view->first_row = first > 0 ? (size_t)first : 0;
}

static void key_take(struct publisher_view *view, int key)
{
    const long page = (long)rows_shown();
    switch (key) {
    case 'q': publish_ask_end(); return;
    case '-': view->state.reversed = !view->state.reversed; return;
    case KEY_DOWN: scroll_by(view, 1); return;
    case KEY_UP: scroll_by(view, -1); return;
    case KEY_NPAGE: scroll_by(view, page); return;
    case KEY_PPAGE: scroll_by(view, -page); return;
    case KEY_HOME: view->first_row = 0; return;
    case KEY_END: view->first_row = view_tags_count(view->state.tags); return;
    case KEY_RESIZE: clear(); return;
    default: break;
    }
    for (size_t k = 0; k < VIEW_SORT_N; k++) {
        if (view_keys[k].key == key) {
            view->state.sort = view_keys[k].sort;
            view->first_row = 0;
        }
    }
}

/* --------------------------------------------------------------------------- the publisher */

static bool view_wanted(const struct publish_cfg *cfg)
{
    return cfg->live_view && !cfg->json;
}

static enum status view_start(struct publisher_view *view)
{
    terminal.known = tcgetattr(STDIN_FILENO, &terminal.before) == 0;
    view->screen = newterm(NULL, stdout, stdin);
    if (!view->screen) {
        return status_fail(ST_UNSUPPORTED, "the terminal cannot show the live view (TERM=%s)",
                           getenv("TERM"));
    }
    set_term(view->screen);
    cbreak();
    noecho();
    nodelay(stdscr, TRUE);
    keypad(stdscr, TRUE);
    curs_set(0);
    set_escdelay(25);
    terminal_guard();
    log_set_sink(log_take);
    return ST_OK;
}

static enum status view_open(const struct publish_cfg *cfg, const struct record_context *context,
                             struct publisher **publisher)
{
    if (!terminal_is_capable()) {
        return status_fail(ST_UNSUPPORTED,
                           "no live view on this terminal or in the background (TERM=%s)",
                           getenv("TERM") ? getenv("TERM") : "");
    }
    struct publisher_view *view = calloc(1, sizeof *view);
    if (!view) {
        return status_fail(ST_NO_MEMORY, "view: no memory");
    }
    view->base.ops = &publish_view;
    view->context = *context;
    memcpy(view->source, cfg->source, sizeof view->source);
    enum status status = view_state_init(&view->state);
    status = status ? status : view_start(view);
    if (status) {
        view_state_fini(&view->state);
        free(view);
        return status;
    }
    *publisher = (struct publisher *)view;
    return ST_OK;
}

static void view_write(struct publisher *publisher, const struct record *record, const char *json,
                       size_t n_json)
{
    struct publisher_view *view = (struct publisher_view *)publisher;
    (void)json;
    (void)n_json;
    view_state_note(&view->state, record);
}

static void view_tick(struct publisher *publisher)
{
    struct publisher_view *view = (struct publisher_view *)publisher;
    for (int key = getch(); key != ERR; key = getch()) {
        key_take(view, key);
    }
    draw(view);
}

static void view_close(struct publisher **publisher)
{
    struct publisher_view *view = (struct publisher_view *)*publisher;
    const size_t n_columns = (size_t)COLS;
    endwin();
    delscreen(view->screen);
    terminal_unguard();
    log_set_sink(NULL);
    log_repeat();
    view_print(&view->state, &view->context, n_columns, stdout);
    if (fflush(stdout) != 0) {
        log_error("stdout: %s", strerror(errno));
    }
    view_state_fini(&view->state);
    free(view);
    *publisher = NULL;
}

const struct publisher_ops publish_view = {
    .name = "view",
    .help = "live table, when stdout is a terminal",
    .wanted = view_wanted,
    .open = view_open,
    .write = view_write,
    .tick = view_tick,
    .close = view_close,
};
