#include "gate/gate.h"

const struct gate_limits gate_limits_default = {
#define LIMIT(name, value, unit, help) .name = value,
#include "gate/limits.def"
#undef LIMIT
};
