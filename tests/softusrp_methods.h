/* softusrp_methods.h - what a device's management does when called.               layer: tests */
#ifndef TESTS_SOFTUSRP_METHODS_H
#define TESTS_SOFTUSRP_METHODS_H

#include <stdbool.h>

#include "tests/softusrp_device.h"
#include "tests/softusrp_msgpack.h"

#define METHOD_ARGUMENTS_MAX 12

/* Call a method by name.   in   argument[0] is the token where the method takes one
 *   out  result appended   ret  false: no such method */
bool methods_call(struct device *device, const char *name,
                  const struct msgpack_value argument[METHOD_ARGUMENTS_MAX],
                  struct msgpack_out *result);

#endif
