// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import java.util.Map;

/// References to variables in commands, arguments and values: `$(NAME)` is replaced if NAME is
/// known and left as it is if not; `$$` stands for one dollar sign.
final class Expansion {
  private Expansion() {}

  static String of(String text, Map<String, String> variables) {
    int dollar = text.indexOf('$');
    if (dollar < 0) {
      return text;
    }
    StringBuilder out = new StringBuilder(text.length() + 16);
    int from = 0;
    while (dollar >= 0 && dollar + 1 < text.length()) {
      out.append(text, from, dollar);
      char next = text.charAt(dollar + 1);
      int close = next == '(' ? text.indexOf(')', dollar) : -1;
      if (next == '$') {
        out.append('$');
        from = dollar + 2;
      } else if (close > 0) {
        String known = variables.get(text.substring(dollar + 2, close));
        out.append(known == null ? text.substring(dollar, close + 1) : known);
        from = close + 1;
      } else {
        out.append('$');
        from = dollar + 1;
      }
      dollar = text.indexOf('$', from);
    }
    return out.append(text, from, text.length()).toString();
  }
}
