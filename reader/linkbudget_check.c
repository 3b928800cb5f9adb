/* linkbudget_check.c - every published figure beside the one recomputed from its inputs. */
#include "config/require.h"
#include "protocol/budget_cases.h"
#include "reader/linkbudget.h"

enum { JSON_BYTES = 2048 };

struct tally {
    size_t n, n_flag[BUDGET_FLAGS], n_wrong;
};

static void row_words(const struct budget_case *row, double recomputed, const char *flag,
                      FILE *stream)
{
    const struct budget_case_kind *kind = budget_case_kind(row);
    fprintf(stream, "%-30s %-18s %12.6g %12.6g %+11.4g %-10s %s%s%s\n", row->id, kind->quantity,
            row->printed, recomputed, recomputed - row->printed, kind->unit, flag,
            row->note ? ": " : "", row->note ? row->note : "");
}

static void row_json(const struct budget_case *row, double recomputed, const char *flag,
                     FILE *stream)
{
    const struct budget_case_kind *kind = budget_case_kind(row);
    char text[JSON_BYTES];
    struct json_text json;
    linkbudget_json_open(&json, text, sizeof text, "linkbudget_check");
    json_text_string(&json, "id", row->id);
    json_text_string(&json, "quantity", kind->quantity);
    json_text_string(&json, "unit", kind->unit);
    json_text_number_short(&json, "printed", row->printed, 6);
    json_text_number_short(&json, "recomputed", recomputed, 6);
    json_text_number_short(&json, "difference", recomputed - row->printed, 6);
    json_text_string(&json, "flag", flag);
    json_text_string(&json, "note", row->note ? row->note : "");
    json_text_close(&json);
    fprintf(stream, "%s\n", text);
}

static void row_csv(const struct budget_case *row, double recomputed, const char *flag,
                    FILE *stream)
{
    const struct budget_case_kind *kind = budget_case_kind(row);
    fprintf(stream, "%s,%s,%.9g,%.9g,%.4g,%s,%s,\"%s\"\n", row->id, kind->quantity, row->printed,
            recomputed, recomputed - row->printed, kind->unit, flag, row->note ? row->note : "");
}

static void (*const row_put[])(const struct budget_case *row, double recomputed, const char *flag,
                               FILE *stream) = {
    [LINKBUDGET_TEXT] = row_words, [LINKBUDGET_JSON] = row_json, [LINKBUDGET_CSV] = row_csv};

static void head_put(enum linkbudget_form form, const struct budget_case_source *source,
                     bool is_first, FILE *stream)
{
    if (form == LINKBUDGET_CSV && is_first) {
        fprintf(stream, "id,quantity,printed,recomputed,difference,unit,flag,note\n");
    } else if (form == LINKBUDGET_TEXT) {
        fprintf(stream, "%s%s\n%-30s %-18s %12s %12s %11s %-10s flag: reason\n",
                is_first ? "" : "\n", source->title, "case", "quantity", "printed", "recomputed",
                "difference", "unit");
    }
}

static void source_check(enum linkbudget_form form, const struct budget_case_source *source,
                         struct tally *tally, FILE *stream)
{
    for (size_t k = 0; k < *source->n_cases; k++) {
        const struct budget_case *row = &source->cases[k];
        double recomputed = budget_case_recompute(row);
        bool as_known = budget_case_as_known(row, recomputed);
        tally->n++;
        tally->n_flag[row->flag]++;
        tally->n_wrong += !as_known;
        row_put[form](row, recomputed,
                      as_known                      ? budget_flag_text[row->flag]
                      : row->flag == BUDGET_FLAG_OK ? "DIFFERS"
                                                    : "AGREES THOUGH FLAGGED",
                      stream);
    }
}

bool linkbudget_check(enum linkbudget_form form, FILE *stream)
{
    struct tally tally = {0};
    require(stream);
    for (size_t k = 0; k < BUDGET_SOURCES; k++) {
        head_put(form, &budget_sources[k], k == 0, stream);
        source_check(form, &budget_sources[k], &tally, stream);
    }
    if (form == LINKBUDGET_TEXT) {
        fprintf(stream,
                "\n%zu figures: %zu agree, %zu errors of the sources and %zu suspect figures are "
                "as known, %zu are not as known\n",
                tally.n, tally.n_flag[BUDGET_FLAG_OK], tally.n_flag[BUDGET_FLAG_SOURCE_ERROR],
                tally.n_flag[BUDGET_FLAG_SUSPECT], tally.n_wrong);
    }
    return tally.n_wrong == 0;
}
