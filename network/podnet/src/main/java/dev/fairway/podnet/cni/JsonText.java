// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.cni;

import java.util.Map;
import tools.jackson.core.io.JsonStringEncoder;
import tools.jackson.databind.JsonNode;

/// A tree as one line of JSON. An ADD waits for it, and Jackson's own way over a mapper takes ten
/// times as long in an agent that has not connected hundreds of pods yet.
final class JsonText {
  private final JsonStringEncoder strings = JsonStringEncoder.getInstance();
  private final StringBuilder out = new StringBuilder(512);

  private JsonText() {}

  static String of(JsonNode root) {
    JsonText text = new JsonText();
    text.write(root);
    return text.out.append('\n').toString();
  }

  private void write(JsonNode node) {
    if (node.isObject()) {
      char before = '{';
      for (Map.Entry<String, JsonNode> field : node.properties()) {
        out.append(before);
        write(field.getKey());
        out.append(':');
        write(field.getValue());
        before = ',';
      }
      out.append(before == '{' ? "{}" : "}");
    } else if (node.isArray()) {
      char before = '[';
      for (JsonNode element : node) {
        out.append(before);
        write(element);
        before = ',';
      }
      out.append(before == '[' ? "[]" : "]");
    } else if (node.isString()) {
      write(node.stringValue());
    } else {
      out.append(node.asString()); // a number, a truth value or null are their own text
    }
  }

  private void write(String text) {
    out.append('"');
    strings.quoteAsString(text, out);
    out.append('"');
  }
}
