// SPDX-License-Identifier: Apache-2.0
// What the three files of the CNI executable share.
#ifndef FAIRWAY_CNI_H
#define FAIRWAY_CNI_H

#include <stddef.h>

// Error codes of the CNI specification, section "Error".
enum cni_code {
  CNI_BAD_VERSION = 1,
  CNI_BAD_ENVIRONMENT = 4,
  CNI_IO_FAILURE = 5,
  CNI_BAD_JSON = 6,
  CNI_BAD_CONFIG = 7,
  CNI_TRY_LATER = 11,
  CNI_NOT_AVAILABLE = 50,
};

// Looks for a string member of the outermost JSON object.
// Returns 1 and fills `value`, 0 if there is no such member, -1 if the text is not a JSON object,
// -2 if the member is there but is no string that fits.
int json_string(const char *json, size_t length, const char *key, char *value, size_t capacity);

// Looks for a member of the outermost JSON object, of any type. Returns 1 and its text, else 0.
int json_member(const char *json, size_t length, const char *key, const char **text, size_t *text_length);

// What came on stdin.
int input_member(const char *key, const char **text, size_t *text_length);

// Prints texts until NULL; what cannot be written is lost with its reader.
void say(const char *text, ...);
void say_bytes(const char *text, size_t length);
void say_number(long number);

// Prints the specification's error object and returns the exit code that goes with it.
int fail(enum cni_code code, const char *message, const char *details);

// The version that the caller speaks if we speak it too, else ours.
const char *answer_version(void);

// The plugin `loopback`, which container runtimes call for every sandbox beside the real network.
int loopback(const char *command);

#endif
