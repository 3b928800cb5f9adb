/* fuzz_scene.c - arbitrary text as the places of a scene: refused with a message, or a hall that
 * stands. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "config/option.h"
#include "config/require.h"
#include "radio/air/air.h"
#include "radio/air/places.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void put(char *text, const uint8_t *data, size_t n_bytes)
{
    static const char alphabet[] = "0123456789.,-; e\0123456,,,,  111";
    size_t n = n_bytes < LIMIT_TEXT - 1 ? n_bytes : LIMIT_TEXT - 1;
    for (size_t i = 0; i < n; i++) { /* mostly what places are written with */
        text[i] = data[i] < 0xE0 ? alphabet[data[i] % (sizeof alphabet - 1)] : (char)data[i];
    }
    text[n] = '\0';
}

/* First byte: which text the rest is, and the path model. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    static struct air_cfg cfg;
    static struct option_set *set;
    static const struct option_table *const tables[] = {&air_options};
    if (n_bytes < 1) {
        return 0;
    }
    if (!set) {
        require(option_set_new(tables, 1, &set) == ST_OK);
    }
    option_fill(set, &air_options, &cfg);
    cfg.n_tags = 3;
    cfg.scene.kind = SCENE_HALL;
    cfg.scene.path = data[0] / 16 % 8;
    strcpy(cfg.scene.tx_at, "20,30,8");
    char *const texts[] = {cfg.scene.hall_m,         cfg.scene.tx_at,
                           cfg.scene.rx_at,          cfg.scene.energy_at,
                           cfg.scene.tags_at,        cfg.scene.tags_circles,
                           cfg.scene.tags_rectangle, cfg.scene.tx_antenna.aim};
    put(texts[data[0] % 8], data + 1, n_bytes - 1);
    struct air *air = NULL;
    if (air_new(&cfg, 2e6, 915e6, 1, 1, &air) != ST_OK) {
        require(strncmp(status_detail(), "radio.sim.", 10) == 0);
        require(!air);
        return 0;
    }
    for (size_t i = 0; i < 3; i++) {
        struct air_tag_truth truth;
        air_tag_read(air, i, &truth);
        require(isfinite(truth.power_dbm));
    }
    air_free(&air);
    return 0;
}
