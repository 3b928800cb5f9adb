/* linkbudget_show.c - a budget in words, JSON or comma-separated values. */
#include <math.h>
#include <string.h>

#include "config/require.h"
#include "reader/linkbudget.h"

enum { JSON_BYTES = 8192 };

static const char *const leg_name[BUDGET_LEGS] = {"rf-eh", "r2d", "d2r"};
static const char *const leg_title[BUDGET_LEGS] = {
    "energy harvesting (RF-EH)", "reader to device (R2D)", "device to reader (D2R)"};

struct shown { /* a leg, and what was asked about it */
    const struct linkbudget *budget;
    enum budget_leg leg;
    struct budget_result result;
    double floor_m;                 /* reach on the floor; 0: none; NaN: heights are not known */
    double path_loss_db, margin_db; /* at budget->distance_m; NaN: none given */
    double solved;                  /* NaN: nothing */
    const char *solved_text;
    double eirp_over_db; /* over the region's limit; NaN: no limit applies */
};

/* ------------------------------------------------------------------------------- figures */

/* The leg's sender; NULL: the device. */
static const struct budget_sender *sender_of(const struct shown *shown)
{
    const struct budget_scenario *s = &shown->budget->scenario;
    return shown->leg == BUDGET_COMMAND ? &s->reader
           : isnan(s->device.power_dbm) ? &s->carrier
                                        : NULL;
}

static double over_limit_db(const struct shown *shown)
{
    const struct budget_sender *sender = sender_of(shown);
    const struct region_plan *plan = shown->budget->region;
    if (!plan || !sender) {
        return NAN;
    }
    double conducted_dbm =
        sender->power_dbm + 10.0 * log10(sender->elements) - sender->cable_loss_db;
    /* of unknown limits (NaN) fmax takes the other */
    return fmax(conducted_dbm + sender->gain_dbi - plan->eirp_max_dbm,
                conducted_dbm - plan->conducted_max_dbm);
}

static double floor_reach_m(const struct budget_scenario *s, double reach_m)
{
    double height_m = s->receiver.height_m - s->device.height_m;
    if (isnan(height_m)) {
        return NAN;
    }
    return reach_m > height_m ? sqrt(reach_m * reach_m - height_m * height_m) : 0.0;
}

static enum status shown_make(const struct linkbudget *budget, enum budget_leg leg,
                              struct shown *shown)
{
    const struct budget_scenario *s = &budget->scenario;
    *shown = (struct shown){.budget = budget, .leg = leg, .solved = NAN};
    budget_solve(s, leg, &shown->result);
    shown->floor_m = floor_reach_m(s, shown->result.reach_m);
    shown->eirp_over_db = over_limit_db(shown);
    shown->path_loss_db = shown->margin_db = NAN;
    if (isnan(budget->distance_m)) {
        return ST_OK;
    }
    const struct pathloss_path path = budget_path(s);
    shown->path_loss_db = pathloss_db(&path, budget->distance_m);
    shown->margin_db = budget_margin_db(s, leg, budget->distance_m);
    return budget->solve == LINKBUDGET_DISTANCE
               ? ST_OK
               : budget_solve_for(s, leg, (enum budget_unknown)(budget->solve - 1),
                                  budget->distance_m, &shown->solved, &shown->solved_text);
}

/* --------------------------------------------------------------------------------- words */

static void head_words(const struct linkbudget *budget, FILE *stream)
{
    const struct budget_scenario *s = &budget->scenario;
    const struct pathloss_about *about = pathloss_about(s->model);
    fprintf(stream, "%s: %s\n", budget->name, budget->meaning);
    fprintf(stream, "%g MHz, path %s (%s, %.3g..%g m", s->freq_hz * 1e-6, about->name, about->rule,
            about->distance_min_m, about->distance_max_m);
    if (about->shadow_sigma_db > 0.0) {
        fprintf(stream, ", shadow sigma %g dB", about->shadow_sigma_db);
    }
    double air_db = attenuation_db_per_km(&s->air, s->freq_hz);
    if (air_db > 0.0) {
        fprintf(stream, ", air %.3g dB/km", air_db);
    }
    fprintf(stream, ")\n");
}

static void reach_words(const struct shown *shown, FILE *stream)
{
    const struct budget_result *r = &shown->result;
    const struct budget_scenario *s = &shown->budget->scenario;
    if (isinf(r->reach_m)) {
        fprintf(stream, "  reach        without end\n");
        return;
    }
    fprintf(stream, "  reach        %.2f m", r->reach_m);
    if (shown->floor_m > 0.0) {
        fprintf(stream, ", on the floor %.2f m", shown->floor_m);
    } else if (shown->floor_m == 0.0) {
        fprintf(stream, ": less than the %g m between the heights, nothing on the floor is reached",
                s->receiver.height_m - s->device.height_m);
    }
    fprintf(stream, "%s\n",
            r->reach_m > r->model_max_m ? " (beyond the range of the path model)" : "");
    if (r->reach_m < pathloss_about(s->model)->distance_min_m) {
        fprintf(stream, "               (nearer than the path model holds)\n");
    }
}

static void asked_words(const struct shown *shown, FILE *stream)
{
    const struct linkbudget *budget = shown->budget;
    if (!isnan(shown->margin_db)) {
        fprintf(stream, "  at %g m      path loss %.2f dB, margin %+.2f dB: %s\n",
                budget->distance_m, shown->path_loss_db, shown->margin_db,
                shown->margin_db >= 0.0 ? "works" : "fails");
    }
    if (!isnan(shown->solved)) {
        fprintf(stream, "  it takes     %.2f %s, %s\n", shown->solved,
                budget->solve == LINKBUDGET_GAIN ? "dBi" : "dBm", shown->solved_text);
    }
    if (!isnan(shown->eirp_over_db)) {
        fprintf(stream, "  region %-5s %s by %.2f dB (%s)\n", budget->region->name,
                shown->eirp_over_db > 0.0 ? "power over its limit" : "power below its limit",
                fabs(shown->eirp_over_db), budget->region->power_rule);
    }
}

/* Where the reader's sensitivity comes from. */
static void origin_words(const struct shown *shown, FILE *stream)
{
    static const char *const code[] = {"FM0", "Miller-2", "Miller-4", "Miller-8"};
    const struct budget_result *r = &shown->result;
    const struct budget_scenario *s = &shown->budget->scenario;
    if (!isnan(r->ebn0_db)) {
        fprintf(stream,
                "               (%s %g kHz, %s, %s %% lost: Eb/N0 %.2f dB measured; noise and "
                "converter %.1f dBm/Hz)\n",
                code[s->reply.m], s->reply.blf_hz * 1e-3,
                s->reply.reply == SENSITIVITY_RN16 ? "RN16" : "EPC",
                s->reply.per == SENSITIVITY_PER_10 ? "10" : "1", r->ebn0_db, r->floor_dbm_hz);
    }
    if (!isnan(r->residual_dbm)) {
        fprintf(stream, "               (carrier left after %g dB of cancellation: %.2f dBm)\n",
                s->receiver.cancellation_db, r->residual_dbm);
    }
    if (!isnan(r->noise_dbm)) {
        fprintf(stream, "               (noise in %g kHz: %.2f dBm)\n",
                s->receiver.bandwidth_hz * 1e-3, r->noise_dbm);
    }
}

static void leg_words(const struct shown *shown, FILE *stream)
{
    const struct budget_result *r = &shown->result;
    fprintf(stream, "\n%s\n", leg_title[shown->leg]);
    for (size_t k = 0; k < r->n_items; k++) {
        const struct budget_item *item = &r->item[k];
        fprintf(stream, item->is_level ? "  = %8.2f %-4s %s\n" : "    %+8.2f %-4s %s\n",
                item->value, item->unit, item->text);
    }
    fprintf(stream, "    %8.2f dBm  sensitivity of the %s\n", r->sensitivity_dbm,
            shown->leg == BUDGET_REPLY ? "reader" : "device");
    origin_words(shown, stream);
    fprintf(stream, "  = %8.2f dB   largest path loss\n", r->max_loss_db);
    reach_words(shown, stream);
    asked_words(shown, stream);
}

static void victim_words(const struct linkbudget *budget, FILE *stream)
{
    const struct coexist *c = &budget->victim;
    double margin_db = coexist_margin_db(c);
    fprintf(stream, "\npassive service\n");
    fprintf(stream, "    %8.2f dBm  EIRP of the carrier\n", c->eirp_dbm);
    fprintf(stream, "    %+8.2f dB   path\n", -c->loss_db);
    fprintf(stream, "    %+8.2f dB   %g rays in phase\n", coexist_rays_db(c->n_rays), c->n_rays);
    fprintf(stream, "    %+8.2f dB   %g emitters\n", coexist_emitters_db(c->n_emitters),
            c->n_emitters);
    fprintf(stream, "    %+8.2f dBi  antenna of the service\n", c->gain_dbi);
    fprintf(stream, "  = %8.2f dBm  received, %.2f dBm are borne: margin %+.2f dB, %s\n",
            coexist_received_dbm(c), c->limit_dbm, margin_db,
            margin_db >= 0.0 ? "no interference" : "it interferes");
    fprintf(stream, "  = %8.2f dBm  largest EIRP of each emitter\n", coexist_eirp_limit_dbm(c));
}

/* -------------------------------------------------------------------------- JSON and CSV */

void linkbudget_json_open(struct json_text *json, char *text, size_t n_bytes, const char *type)
{
    json_text_init(json, text, n_bytes);
    json_text_open(json, NULL);
    json_text_count(json, "v", 1);
    json_text_string(json, "type", type);
}

static void json_start(struct json_text *json, char *text, const struct linkbudget *budget,
                       const char *type)
{
    linkbudget_json_open(json, text, JSON_BYTES, type);
    json_text_string(json, "preset", budget->name);
    json_text_number_short(json, "freq_hz", budget->scenario.freq_hz, 3);
}

static void json_end(struct json_text *json, FILE *stream)
{
    json_text_close(json);
    fprintf(stream, "%s\n", json->text);
}

static void leg_json(const struct shown *shown, FILE *stream)
{
    static const char *const solve_key[] = {NULL, "power_dbm", "gain_dbi", "required_dbm"};
    const struct budget_result *r = &shown->result;
    char text[JSON_BYTES];
    struct json_text json;
    json_start(&json, text, shown->budget, "linkbudget");
    json_text_string(&json, "leg", leg_name[shown->leg]);
    json_text_string(&json, "model", pathloss_about(shown->budget->scenario.model)->name);
    json_text_open_array(&json, "terms");
    for (size_t k = 0; k < r->n_items; k++) {
        json_text_open(&json, NULL);
        json_text_string(&json, "text", r->item[k].text);
        json_text_number(&json, "value", r->item[k].value, 3);
        json_text_string(&json, "unit", r->item[k].unit);
        json_text_bool(&json, "sum", r->item[k].is_level);
        json_text_close(&json);
    }
    json_text_close_array(&json);
    json_text_number(&json, "eirp_dbm", r->eirp_dbm, 3);
    json_text_number_if(&json, "incident_dbm", r->incident_dbm, 3);
    json_text_number_if(&json, "noise_dbm", r->noise_dbm, 3);
    json_text_number_if(&json, "residual_dbm", r->residual_dbm, 3);
    json_text_number_if(&json, "floor_dbm_hz", r->floor_dbm_hz, 3);
    json_text_number_if(&json, "ebn0_db", r->ebn0_db, 3);
    json_text_number(&json, "sensitivity_dbm", r->sensitivity_dbm, 3);
    json_text_number(&json, "max_path_loss_db", r->max_loss_db, 3);
    json_text_number(&json, "reach_m", r->reach_m, 4);
    json_text_number_if(&json, "floor_m", shown->floor_m, 4);
    json_text_bool(&json, "within_model",
                   r->reach_m <= r->model_max_m &&
                       r->reach_m >= pathloss_about(shown->budget->scenario.model)->distance_min_m);
    json_text_number_if(&json, "distance_m", shown->budget->distance_m, 4);
    json_text_number_if(&json, "path_loss_db", shown->path_loss_db, 3);
    json_text_number_if(&json, "margin_db", shown->margin_db, 3);
    if (!isnan(shown->solved)) {
        json_text_number(&json, solve_key[shown->budget->solve], shown->solved, 3);
    }
    json_text_number_if(&json, "over_limit_db", shown->eirp_over_db, 3);
    json_end(&json, stream);
}

static void victim_json(const struct linkbudget *budget, FILE *stream)
{
    char text[JSON_BYTES];
    struct json_text json;
    json_start(&json, text, budget, "linkbudget_victim");
    json_text_number(&json, "eirp_dbm", budget->victim.eirp_dbm, 3);
    json_text_number(&json, "path_loss_db", budget->victim.loss_db, 3);
    json_text_number(&json, "received_dbm", coexist_received_dbm(&budget->victim), 3);
    json_text_number(&json, "limit_dbm", budget->victim.limit_dbm, 3);
    json_text_number(&json, "margin_db", coexist_margin_db(&budget->victim), 3);
    json_text_number(&json, "eirp_limit_dbm", coexist_eirp_limit_dbm(&budget->victim), 3);
    json_end(&json, stream);
}

static void csv_put(const struct shown *shown, const char *what, double value, const char *unit,
                    FILE *stream)
{
    if (!isnan(value)) {
        fprintf(stream, "%s,%s,%s,%.4f,%s\n", shown->budget->name, leg_name[shown->leg], what,
                value, unit);
    }
}

static void leg_csv(const struct shown *shown, FILE *stream)
{
    const struct budget_result *r = &shown->result;
    for (size_t k = 0; k < r->n_items; k++) {
        char quoted[96]; /* some texts have a comma */
        snprintf(quoted, sizeof quoted, "\"%s\"", r->item[k].text);
        csv_put(shown, quoted, r->item[k].value, r->item[k].unit, stream);
    }
    csv_put(shown, "noise", r->noise_dbm, "dBm", stream);
    csv_put(shown, "carrier left", r->residual_dbm, "dBm", stream);
    csv_put(shown, "floor", r->floor_dbm_hz, "dBm/Hz", stream);
    csv_put(shown, "Eb/N0", r->ebn0_db, "dB", stream);
    csv_put(shown, "sensitivity", r->sensitivity_dbm, "dBm", stream);
    csv_put(shown, "largest path loss", r->max_loss_db, "dB", stream);
    csv_put(shown, "reach", r->reach_m, "m", stream);
    csv_put(shown, "reach on the floor", shown->floor_m, "m", stream);
    csv_put(shown, "distance", shown->budget->distance_m, "m", stream);
    csv_put(shown, "path loss", shown->path_loss_db, "dB", stream);
    csv_put(shown, "margin", shown->margin_db, "dB", stream);
    csv_put(shown, shown->solved_text, shown->solved,
            shown->budget->solve == LINKBUDGET_GAIN ? "dBi" : "dBm", stream);
    csv_put(shown, "power over the region's limit", shown->eirp_over_db, "dB", stream);
}

static void victim_csv(const struct linkbudget *budget, FILE *stream)
{
    const struct {
        const char *what;
        double value;
        const char *unit;
    } row[] = {
        {"received", coexist_received_dbm(&budget->victim), "dBm"},
        {"limit", budget->victim.limit_dbm, "dBm"},
        {"margin", coexist_margin_db(&budget->victim), "dB"},
        {"largest EIRP", coexist_eirp_limit_dbm(&budget->victim), "dBm"},
    };
    for (size_t k = 0; k < sizeof row / sizeof *row; k++) {
        fprintf(stream, "%s,victim,%s,%.4f,%s\n", budget->name, row[k].what, row[k].value,
                row[k].unit);
    }
}

/* ----------------------------------------------------------------------------------- all */

static void (*const leg_put[])(const struct shown *shown, FILE *stream) = {
    [LINKBUDGET_TEXT] = leg_words, [LINKBUDGET_JSON] = leg_json, [LINKBUDGET_CSV] = leg_csv};
static void (*const victim_put[])(const struct linkbudget *budget,
                                  FILE *stream) = {[LINKBUDGET_TEXT] = victim_words,
                                                   [LINKBUDGET_JSON] = victim_json,
                                                   [LINKBUDGET_CSV] = victim_csv};

enum status linkbudget_show(const struct linkbudget *budget, enum linkbudget_form form,
                            FILE *stream)
{
    struct shown shown[BUDGET_LEGS];
    size_t n_shown = 0;
    require(budget);
    require(stream);
    for (int leg = 0; leg < BUDGET_LEGS; leg++) {
        enum status status = ST_OK;
        if (budget->leg_wanted[leg]) {
            status = shown_make(budget, (enum budget_leg)leg, &shown[n_shown++]);
        }
        if (status) {
            return status;
        }
    }
    if (form == LINKBUDGET_TEXT) {
        head_words(budget, stream);
    } else if (form == LINKBUDGET_CSV) {
        fprintf(stream, "preset,leg,quantity,value,unit\n");
    }
    for (size_t k = 0; k < n_shown; k++) {
        leg_put[form](&shown[k], stream);
    }
    if (budget->has_victim) {
        victim_put[form](budget, stream);
    }
    return ST_OK;
}

static void preset_json(const struct budget_preset *preset, FILE *stream)
{
    char text[JSON_BYTES];
    struct json_text json;
    linkbudget_json_open(&json, text, sizeof text, "linkbudget_preset");
    json_text_string(&json, "preset", preset->name);
    json_text_string(&json, "meaning", preset->meaning);
    json_end(&json, stream);
}

void linkbudget_list(enum linkbudget_form form, FILE *stream)
{
    require(stream);
    if (form == LINKBUDGET_CSV) {
        fprintf(stream, "preset,meaning\n");
    }
    for (size_t k = 0; k < budget_n_presets(); k++) {
        struct budget_preset preset;
        budget_preset(k, &preset);
        if (form == LINKBUDGET_JSON) {
            preset_json(&preset, stream);
        } else {
            fprintf(stream, form == LINKBUDGET_CSV ? "%s,\"%s\"\n" : "%-16s %s\n", preset.name,
                    preset.meaning);
        }
    }
}
