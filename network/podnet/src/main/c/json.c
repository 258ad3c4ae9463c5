// SPDX-License-Identifier: Apache-2.0
// A scanner for the outermost members of a JSON object. It does not judge the rest of the text: the
// agent parses the whole configuration strictly, this only has to find the way to the agent.
#include <string.h>

#include "fairway-cni.h"

struct text {
  const char *at, *end;
};

static void skip_space(struct text *in) {
  while (in->at < in->end && strchr(" \t\r\n", *in->at) != NULL && *in->at != 0) in->at++;
}

// Reads a string from its opening quote. Returns its length, or -1 if it does not end, or -2 if it
// does not fit or has an escape that a path or a version never needs.
static long read_string(struct text *in, char *out, size_t capacity) {
  size_t length = 0;
  int fits = 1;
  for (in->at++; in->at < in->end; in->at++) {
    char c = *in->at;
    if (c == '"') {
      in->at++;
      out[fits ? length : 0] = 0;
      return fits ? (long)length : -2;
    }
    if (c == '\\') {
      if (++in->at == in->end) return -1;
      c = *in->at;
      if (c != '"' && c != '\\' && c != '/') fits = 0;
    }
    if (c == 0 || length + 1 >= capacity) fits = 0;
    if (fits) out[length++] = c;
  }
  return -1;
}

// Steps over one value: a string, an object or array with all it holds, or a bare word.
static int skip_value(struct text *in) {
  char ignored[1];
  int depth = 0;
  do {
    skip_space(in);
    if (in->at == in->end) return -1;
    char c = *in->at;
    if (c == '"') {
      if (read_string(in, ignored, sizeof ignored) == -1) return -1;
    } else if (c == '{' || c == '[') {
      depth++;
      in->at++;
    } else if (c == '}' || c == ']') {
      if (--depth < 0) return -1;
      in->at++;
    } else if (c == ',' || c == ':') {
      if (depth == 0) return -1;
      in->at++;
    } else {
      while (in->at < in->end && strchr("{}[],:\" \t\r\n", *in->at) == NULL) in->at++;
      if (in->at < in->end && *in->at == 0) return -1;
    }
  } while (depth > 0);
  return 0;
}

// Goes to the value of a member of the outermost object. Returns 1 there, 0 without such a member,
// -1 if the text is not a JSON object.
static int find(struct text *in, const char *key) {
  char name[64];
  skip_space(in);
  if (in->at == in->end || *in->at != '{') return -1;
  in->at++;
  for (;;) {
    skip_space(in);
    if (in->at == in->end) return -1;
    if (*in->at == '}') return 0;
    if (*in->at == ',') {
      in->at++;
      continue;
    }
    if (*in->at != '"') return -1;
    long found = read_string(in, name, sizeof name);
    if (found == -1) return -1;
    skip_space(in);
    if (in->at == in->end || *in->at != ':') return -1;
    in->at++;
    skip_space(in);
    if (found >= 0 && strcmp(name, key) == 0) return in->at == in->end ? -1 : 1;
    if (skip_value(in) != 0) return -1;
  }
}

int json_string(const char *json, size_t length, const char *key, char *value, size_t capacity) {
  struct text in = {json, json + length};
  int there = find(&in, key);
  if (there != 1) return there;
  if (*in.at != '"') return -2;
  long read = read_string(&in, value, capacity);
  return read >= 0 ? 1 : (int)read;
}

int json_member(const char *json, size_t length, const char *key, const char **text, size_t *text_length) {
  struct text in = {json, json + length};
  if (find(&in, key) != 1) return 0;
  *text = in.at;
  if (skip_value(&in) != 0) return 0;
  *text_length = (size_t)(in.at - *text);
  return 1;
}
