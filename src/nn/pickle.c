#include "nn/pickle.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MEMO_LIMIT = 1 << 22, STACK_LIMIT = 1 << 20 };

typedef ut_pickle_value value;

typedef struct machine {
    const uint8_t *at;
    const uint8_t *end;
    ut_arena *arena;
    value **stack; /* NULL entries are marks */
    size_t depth;
    size_t stack_capacity;
    value **memo;
    size_t memo_count;
    size_t memo_capacity;
    int operand;      /* of the opcode at hand, from the table of opcodes */
    ut_status status; /* sticky */
} machine;

static void fail(machine *m, ut_status status)
{
    if (m->status == UT_OK)
        m->status = status;
}

static bool grow(machine *m, value ***items, size_t *capacity, size_t need)
{
    if (need <= *capacity)
        return true;
    size_t wanted = *capacity ? *capacity * 2 : 8;
    while (wanted < need)
        wanted *= 2;
    value **larger = UT_ARENA_NEW(m->arena, value *, wanted);
    if (!larger) {
        fail(m, UT_ERR_MEMORY);
        return false;
    }
    if (*capacity)
        memcpy(larger, *items, *capacity * sizeof *larger);
    *items = larger;
    *capacity = wanted;
    return true;
}

static uint64_t take_uint(machine *m, int bytes)
{
    if (m->end - m->at < bytes) {
        fail(m, UT_ERR_FORMAT);
        return 0;
    }
    uint64_t number = 0;
    for (int i = bytes - 1; i >= 0; i--)
        number = number << 8 | m->at[i];
    m->at += bytes;
    return number;
}

static const uint8_t *take_bytes(machine *m, uint64_t count)
{
    if (m->status != UT_OK || (uint64_t)(m->end - m->at) < count) {
        fail(m, UT_ERR_FORMAT);
        return NULL;
    }
    const uint8_t *bytes = m->at;
    m->at += count;
    return bytes;
}

/* Up to a newline, which is taken too. */
static const char *take_line(machine *m, size_t *length)
{
    const uint8_t *newline = m->at < m->end ? memchr(m->at, '\n', (size_t)(m->end - m->at)) : NULL;
    if (!newline) {
        fail(m, UT_ERR_FORMAT);
        *length = 0;
        return "";
    }
    const char *line = (const char *)m->at;
    *length = (size_t)(newline - m->at);
    m->at = newline + 1;
    return line;
}

static value *make(machine *m, ut_pickle_kind kind)
{
    value *v = UT_ARENA_NEW(m->arena, value, 1);
    if (v)
        v->kind = kind;
    else
        fail(m, UT_ERR_MEMORY);
    return v;
}

/* NULL is a mark. */
static void push_any(machine *m, value *v)
{
    if (m->depth >= STACK_LIMIT)
        fail(m, UT_ERR_FORMAT);
    else if (grow(m, &m->stack, &m->stack_capacity, m->depth + 1))
        m->stack[m->depth++] = v;
}

static value *push(machine *m, ut_pickle_kind kind)
{
    value *v = make(m, kind);
    if (v)
        push_any(m, v);
    return v;
}

static void push_opaque(machine *m)
{
    push(m, UT_PICKLE_OPAQUE);
}

static void push_int(machine *m, int64_t integer)
{
    value *v = push(m, UT_PICKLE_INT);
    if (v)
        v->integer = integer;
}

static void push_text(machine *m, ut_pickle_kind kind, const void *bytes, size_t length)
{
    if (m->status != UT_OK)
        return;
    char *copy = ut_arena_alloc(m->arena, length + 1, 1);
    if (!copy) {
        fail(m, UT_ERR_MEMORY);
        return;
    }
    memcpy(copy, bytes, length);
    value *v = push(m, kind);
    if (v) {
        v->text = copy;
        v->length = length;
    }
}

/* The value `below` the top, which stays; NULL (and failure) if a mark or nothing is there. */
static value *peek(machine *m, size_t below)
{
    value *v = below < m->depth ? m->stack[m->depth - 1 - below] : NULL;
    if (!v)
        fail(m, UT_ERR_FORMAT);
    return v;
}

static value *pop(machine *m)
{
    value *v = peek(m, 0);
    if (v)
        m->depth--;
    return v;
}

/* Whether `count` values lie on top with no mark among them. */
static bool holds(machine *m, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!peek(m, i))
            return false;
    return true;
}

/* Index of the first value above the topmost mark. */
static bool above_mark(machine *m, size_t *first)
{
    for (size_t i = m->depth; i > 0; i--)
        if (!m->stack[i - 1]) {
            *first = i;
            return true;
        }
    fail(m, UT_ERR_FORMAT);
    return false;
}

/* Appends stack[first .. depth) to `to` (opaque values swallow it) and takes it off the stack. */
static void gather(machine *m, value *to, size_t first)
{
    size_t count = m->depth - first;
    m->depth = first;
    bool container =
        to->kind == UT_PICKLE_LIST || to->kind == UT_PICKLE_TUPLE || to->kind == UT_PICKLE_DICT;
    if (!container || count == 0 || !grow(m, &to->items, &to->capacity, to->count + count))
        return;
    memcpy(to->items + to->count, m->stack + first, count * sizeof *m->stack);
    to->count += count;
}

/* An object of kind `operand` from what lies above the mark. */
static void op_marked(machine *m)
{
    size_t first;
    if (!above_mark(m, &first))
        return;
    if (m->operand == UT_PICKLE_DICT && (m->depth - first) % 2) {
        fail(m, UT_ERR_FORMAT);
        return;
    }
    value *v = make(m, (ut_pickle_kind)m->operand);
    if (!v)
        return;
    gather(m, v, first);
    m->depth = first - 1;
    push_any(m, v);
}

static void op_tuple(machine *m)
{
    size_t count = (size_t)m->operand;
    value *v = holds(m, count) ? make(m, UT_PICKLE_TUPLE) : NULL;
    if (!v)
        return;
    gather(m, v, m->depth - count);
    push_any(m, v);
}

static void op_empty(machine *m)
{
    push(m, (ut_pickle_kind)m->operand);
}

/* What lies above the mark joins the object below it, one by one or in pairs. */
static void op_extend(machine *m)
{
    size_t first;
    bool pairs = m->operand == 2;
    if (!above_mark(m, &first))
        return;
    value *to = first >= 2 ? m->stack[first - 2] : NULL;
    if (!to || (pairs && (m->depth - first) % 2)) {
        fail(m, UT_ERR_FORMAT);
        return;
    }
    if (pairs == (to->kind == UT_PICKLE_DICT))
        gather(m, to, first);
    m->depth = first - 1;
}

/* The one or two values on top join the object below them. */
static void op_join(machine *m)
{
    size_t count = (size_t)m->operand;
    if (!holds(m, count + 1))
        return;
    value *to = peek(m, count);
    if ((count == 2) == (to->kind == UT_PICKLE_DICT))
        gather(m, to, m->depth - count);
    else
        m->depth -= count;
}

static void op_mark(machine *m)
{
    push_any(m, NULL);
}

/* The top goes, be it a value or a mark. */
static void op_drop(machine *m)
{
    if (m->depth)
        m->depth--;
    else
        fail(m, UT_ERR_FORMAT);
}

static void op_drop_marked(machine *m)
{
    size_t first;
    if (above_mark(m, &first))
        m->depth = first - 1;
}

static void op_duplicate(machine *m)
{
    value *v = peek(m, 0);
    if (v)
        push_any(m, v);
}

static uint64_t take_decimal(machine *m)
{
    size_t length;
    const char *line = take_line(m, &length);
    uint64_t number = 0;
    for (size_t i = 0; i < length; i++) {
        if (line[i] < '0' || line[i] > '9' || number > UINT32_MAX) {
            fail(m, UT_ERR_FORMAT);
            return 0;
        }
        number = number * 10 + (uint64_t)(line[i] - '0');
    }
    return number;
}

/* A memo's index: `operand` bytes, or a line of digits. */
static uint64_t take_index(machine *m)
{
    return m->operand ? take_uint(m, m->operand) : take_decimal(m);
}

static void memo_put(machine *m, uint64_t index)
{
    value *v = peek(m, 0);
    if (!v)
        return;
    if (index >= MEMO_LIMIT) {
        fail(m, UT_ERR_FORMAT);
        return;
    }
    if (!grow(m, &m->memo, &m->memo_capacity, (size_t)index + 1))
        return;
    m->memo[index] = v;
    if (index >= m->memo_count)
        m->memo_count = (size_t)index + 1;
}

static void op_put(machine *m)
{
    memo_put(m, take_index(m));
}

static void op_memoize(machine *m)
{
    memo_put(m, m->memo_count);
}

static void op_get(machine *m)
{
    uint64_t index = take_index(m);
    if (index >= m->memo_count || !m->memo[index])
        fail(m, UT_ERR_FORMAT);
    else
        push_any(m, m->memo[index]);
}

/* One longer than any that matters is opaque. */
static void push_name(machine *m, const char *module, size_t module_length, const char *name,
                      size_t name_length)
{
    char both[160];
    if (module_length + 1 + name_length >= sizeof both) {
        push_opaque(m);
        return;
    }
    memcpy(both, module, module_length);
    both[module_length] = ' ';
    memcpy(both + module_length + 1, name, name_length);
    push_text(m, UT_PICKLE_GLOBAL, both, module_length + 1 + name_length);
}

/* "module\nname\n" */
static void op_global(machine *m)
{
    size_t module_length, name_length;
    const char *module = take_line(m, &module_length);
    const char *name = take_line(m, &name_length);
    if (m->status == UT_OK)
        push_name(m, module, module_length, name, name_length);
}

static void op_stack_global(machine *m)
{
    const value *name = pop(m);
    const value *module = pop(m);
    if (!name || !module)
        return;
    if (name->kind == UT_PICKLE_STRING && module->kind == UT_PICKLE_STRING)
        push_name(m, module->text, module->length, name->text, name->length);
    else
        push_opaque(m);
}

static bool storage_dtype(const value *type, ut_dtype *dtype)
{
    static const struct {
        const char *name;
        ut_dtype dtype;
    } types[] = {
        {"torch FloatStorage", UT_F32},     {"torch HalfStorage", UT_F16},
        {"torch BFloat16Storage", UT_BF16}, {"torch DoubleStorage", UT_F64},
        {"torch CharStorage", UT_I8},       {"torch ShortStorage", UT_I16},
        {"torch IntStorage", UT_I32},       {"torch LongStorage", UT_I64},
        {"torch ByteStorage", UT_U8},       {"torch BoolStorage", UT_U8},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (type->kind == UT_PICKLE_GLOBAL && strcmp(types[i].name, type->text) == 0) {
            *dtype = types[i].dtype;
            return true;
        }
    return false;
}

/* ("storage", torch.FloatStorage, key, device, elements[, view]); the view is of the oldest files
 * and must be None. */
static void op_persistent(machine *m)
{
    const value *id = pop(m);
    if (!id)
        return;
    ut_dtype dtype;
    bool known =
        id->kind == UT_PICKLE_TUPLE && id->count >= 5 && id->items[0]->kind == UT_PICKLE_STRING &&
        strcmp(id->items[0]->text, "storage") == 0 && storage_dtype(id->items[1], &dtype) &&
        id->items[2]->kind == UT_PICKLE_STRING && id->items[4]->kind == UT_PICKLE_INT &&
        id->items[4]->integer >= 0 && (id->count == 5 || id->items[5]->kind == UT_PICKLE_OPAQUE);
    value *v = push(m, known ? UT_PICKLE_STORAGE : UT_PICKLE_OPAQUE);
    if (!v || !known)
        return;
    v->dtype = dtype;
    v->text = id->items[2]->text;
    v->length = id->items[2]->length;
    v->integer = id->items[4]->integer;
}

/* A call: those that PyTorch's tensors are made with are understood. */
static void op_reduce(machine *m)
{
    const value *arguments = pop(m);
    const value *callable = pop(m);
    if (!arguments || !callable)
        return;
    const char *name = callable->kind == UT_PICKLE_GLOBAL ? callable->text : "";
    size_t count = arguments->kind == UT_PICKLE_TUPLE ? arguments->count : 0;
    if (strcmp(name, "collections OrderedDict") == 0) {
        push(m, UT_PICKLE_DICT);
    } else if (strcmp(name, "torch._utils _rebuild_parameter") == 0 && count >= 1) {
        push_any(m, arguments->items[0]);
    } else if ((strcmp(name, "torch._utils _rebuild_tensor_v2") == 0 ||
                strcmp(name, "torch._utils _rebuild_tensor") == 0) &&
               count >= 4 && arguments->items[0]->kind == UT_PICKLE_STORAGE &&
               arguments->items[1]->kind == UT_PICKLE_INT &&
               arguments->items[2]->kind == UT_PICKLE_TUPLE &&
               arguments->items[3]->kind == UT_PICKLE_TUPLE) {
        value *v = push(m, UT_PICKLE_TENSOR);
        if (v) {
            v->dtype = arguments->items[0]->dtype;
            v->items = arguments->items;
            v->count = 4;
        }
    } else {
        push_opaque(m);
    }
}

/* Calls and constructions that always give something foreign: `operand` values off, one on. */
static void op_foreign(machine *m)
{
    for (int i = 0; i < m->operand; i++)
        pop(m);
    push_opaque(m);
}

/* The same from names in the stream and values above the mark. */
static void op_instance(machine *m)
{
    size_t length;
    take_line(m, &length);
    take_line(m, &length);
    op_marked(m);
}

/* An object's own state is not looked at. */
static void op_build(machine *m)
{
    pop(m);
    peek(m, 0);
}

static void op_constant(machine *m)
{
    push_int(m, m->operand);
}

static void op_unsigned(machine *m)
{
    push_int(m, (int64_t)take_uint(m, m->operand));
}

static void op_signed32(machine *m)
{
    push_int(m, (int32_t)(uint32_t)take_uint(m, 4));
}

/* Two's complement of any length; what exceeds 64 bits (PyTorch's magic number) becomes opaque. */
static void op_long(machine *m)
{
    uint64_t length = take_uint(m, m->operand);
    const uint8_t *digits = take_bytes(m, length);
    if (!digits)
        return;
    if (length > 8) {
        push_opaque(m);
        return;
    }
    uint64_t number = length && (digits[length - 1] & 0x80) ? UINT64_MAX : 0;
    for (uint64_t i = length; i > 0; i--)
        number = number << 8 | digits[i - 1];
    push_int(m, (int64_t)number);
}

/* "12\n", "12L\n", "01\n" for True. */
static void op_int_line(machine *m)
{
    size_t length;
    const char *line = take_line(m, &length);
    char digits[24];
    if (length == 0 || length >= sizeof digits) {
        push_opaque(m);
        return;
    }
    memcpy(digits, line, length);
    digits[length] = '\0';
    push_int(m, strtoll(digits, NULL, 10));
}

static void op_string_line(machine *m)
{
    size_t length;
    const char *line = take_line(m, &length);
    push_text(m, UT_PICKLE_STRING, line, length);
}

/* `operand` bytes of length, then the string. */
static void op_string(machine *m)
{
    uint64_t length = take_uint(m, m->operand);
    const uint8_t *text = take_bytes(m, length);
    if (text)
        push_text(m, UT_PICKLE_STRING, text, (size_t)length);
}

static void op_opaque_line(machine *m)
{
    size_t length;
    take_line(m, &length);
    push_opaque(m);
}

static void op_opaque_bytes(machine *m)
{
    take_bytes(m, (uint64_t)m->operand);
    push_opaque(m);
}

static void op_ignore_bytes(machine *m)
{
    take_bytes(m, (uint64_t)m->operand);
}

/* In the order of Python's pickletools; STOP is the reader's. */
static const struct {
    void (*run)(machine *);
    int operand;
} opcodes[256] = {
    ['I'] = {op_int_line, 0},                /* INT */
    ['J'] = {op_signed32, 0},                /* BININT */
    ['K'] = {op_unsigned, 1},                /* BININT1 */
    ['M'] = {op_unsigned, 2},                /* BININT2 */
    ['L'] = {op_int_line, 0},                /* LONG */
    [0x8a] = {op_long, 1},                   /* LONG1 */
    [0x8b] = {op_long, 4},                   /* LONG4 */
    ['S'] = {op_string_line, 0},             /* STRING */
    ['T'] = {op_string, 4},                  /* BINSTRING */
    ['U'] = {op_string, 1},                  /* SHORT_BINSTRING */
    ['B'] = {op_string, 4},                  /* BINBYTES */
    ['C'] = {op_string, 1},                  /* SHORT_BINBYTES */
    [0x8e] = {op_string, 8},                 /* BINBYTES8 */
    [0x96] = {op_string, 8},                 /* BYTEARRAY8 */
    ['N'] = {op_foreign, 0},                 /* NONE */
    [0x88] = {op_constant, 1},               /* NEWTRUE */
    [0x89] = {op_constant, 0},               /* NEWFALSE */
    ['V'] = {op_string_line, 0},             /* UNICODE */
    [0x8c] = {op_string, 1},                 /* SHORT_BINUNICODE */
    ['X'] = {op_string, 4},                  /* BINUNICODE */
    [0x8d] = {op_string, 8},                 /* BINUNICODE8 */
    ['F'] = {op_opaque_line, 0},             /* FLOAT */
    ['G'] = {op_opaque_bytes, 8},            /* BINFLOAT */
    [']'] = {op_empty, UT_PICKLE_LIST},      /* EMPTY_LIST */
    ['a'] = {op_join, 1},                    /* APPEND */
    ['e'] = {op_extend, 1},                  /* APPENDS */
    ['l'] = {op_marked, UT_PICKLE_LIST},     /* LIST */
    [')'] = {op_empty, UT_PICKLE_TUPLE},     /* EMPTY_TUPLE */
    ['t'] = {op_marked, UT_PICKLE_TUPLE},    /* TUPLE */
    [0x85] = {op_tuple, 1},                  /* TUPLE1 */
    [0x86] = {op_tuple, 2},                  /* TUPLE2 */
    [0x87] = {op_tuple, 3},                  /* TUPLE3 */
    ['}'] = {op_empty, UT_PICKLE_DICT},      /* EMPTY_DICT */
    ['d'] = {op_marked, UT_PICKLE_DICT},     /* DICT */
    ['s'] = {op_join, 2},                    /* SETITEM */
    ['u'] = {op_extend, 2},                  /* SETITEMS */
    [0x8f] = {op_empty, UT_PICKLE_LIST},     /* EMPTY_SET */
    [0x90] = {op_extend, 1},                 /* ADDITEMS */
    [0x91] = {op_marked, UT_PICKLE_LIST},    /* FROZENSET */
    ['0'] = {op_drop, 0},                    /* POP */
    ['2'] = {op_duplicate, 0},               /* DUP */
    ['('] = {op_mark, 0},                    /* MARK */
    ['1'] = {op_drop_marked, 0},             /* POP_MARK */
    ['g'] = {op_get, 0},                     /* GET */
    ['h'] = {op_get, 1},                     /* BINGET */
    ['j'] = {op_get, 4},                     /* LONG_BINGET */
    ['p'] = {op_put, 0},                     /* PUT */
    ['q'] = {op_put, 1},                     /* BINPUT */
    ['r'] = {op_put, 4},                     /* LONG_BINPUT */
    [0x94] = {op_memoize, 0},                /* MEMOIZE */
    [0x82] = {op_opaque_bytes, 1},           /* EXT1 */
    [0x83] = {op_opaque_bytes, 2},           /* EXT2 */
    [0x84] = {op_opaque_bytes, 4},           /* EXT4 */
    ['c'] = {op_global, 0},                  /* GLOBAL */
    [0x93] = {op_stack_global, 0},           /* STACK_GLOBAL */
    ['R'] = {op_reduce, 0},                  /* REDUCE */
    ['b'] = {op_build, 0},                   /* BUILD */
    ['i'] = {op_instance, UT_PICKLE_OPAQUE}, /* INST */
    ['o'] = {op_marked, UT_PICKLE_OPAQUE},   /* OBJ */
    [0x81] = {op_foreign, 2},                /* NEWOBJ */
    [0x92] = {op_foreign, 3},                /* NEWOBJ_EX */
    [0x80] = {op_ignore_bytes, 1},           /* PROTO */
    [0x95] = {op_ignore_bytes, 8},           /* FRAME */
    ['P'] = {op_opaque_line, 0},             /* PERSID */
    ['Q'] = {op_persistent, 0},              /* BINPERSID */
};

ut_status ut_pickle_read(const uint8_t *data, size_t length, ut_arena *arena,
                         ut_pickle_value **root, size_t *used)
{
    machine m = {.at = data, .end = data + length, .arena = arena};
    while (m.status == UT_OK) {
        int opcode = (int)take_uint(&m, 1);
        if (m.status != UT_OK)
            break;
        if (opcode == '.') {
            *root = pop(&m);
            *used = (size_t)(m.at - data);
            break;
        }
        m.operand = opcodes[opcode].operand;
        if (opcodes[opcode].run)
            opcodes[opcode].run(&m);
        else
            fail(&m, UT_ERR_FORMAT);
    }
    return m.status;
}
