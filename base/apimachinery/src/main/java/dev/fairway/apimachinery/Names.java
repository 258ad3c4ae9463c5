// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery;

import org.jspecify.annotations.Nullable;

/// The rules for names, labels and addresses-by-name. Each check returns what is wrong, in
/// upstream's words, or null if nothing is. Written by hand, not with regular expressions, because
/// a server runs them on each request.
public final class Names {
  public static final int LABEL_LENGTH = 63;
  public static final int SUBDOMAIN_LENGTH = 253;

  private static final String SUBDOMAIN =
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.',"
          + " and must start and end with an alphanumeric character (e.g. 'example.com', regex used for"
          + " validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
  private static final String LABEL =
      "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must"
          + " start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used"
          + " for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
  private static final String LABEL_1035 =
      "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an"
          + " alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or"
          + " 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
  private static final String NAME_PART =
      "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with"
          + " an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for"
          + " validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
  private static final String LABEL_VALUE =
      "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.',"
          + " and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value', "
          + " or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
  private static final String CONFIG_KEY =
      "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name', "
          + " or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
  private static final String PORT_NAME =
      "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)";

  private Names() {}

  public static @Nullable String subdomain(String name) {
    if (name.length() > SUBDOMAIN_LENGTH) {
      return "must be no more than " + SUBDOMAIN_LENGTH + " characters";
    }
    int start = 0;
    for (int i = 0; i <= name.length(); i++) {
      if (i == name.length() || name.charAt(i) == '.') {
        if (!isLabel(name, start, i)) {
          return SUBDOMAIN;
        }
        start = i + 1;
      }
    }
    return null;
  }

  public static @Nullable String label(String name) {
    if (name.length() > LABEL_LENGTH) {
      return "must be no more than " + LABEL_LENGTH + " characters";
    }
    return isLabel(name, 0, name.length()) ? null : LABEL;
  }

  /// RFC 1035: like a label, but it starts with a letter. Names of Services.
  public static @Nullable String label1035(String name) {
    if (name.length() > LABEL_LENGTH) {
      return "must be no more than " + LABEL_LENGTH + " characters";
    }
    boolean fits = isLabel(name, 0, name.length()) && !isDigit(name.charAt(0));
    return fits ? null : LABEL_1035;
  }

  /// A name that is one step of a path, such as those of RBAC objects.
  public static @Nullable String pathSegment(String name) {
    if (name.equals(".") || name.equals("..")) {
      return "may not be '" + name + "'";
    }
    for (String bad : new String[] {"/", "%"}) {
      if (name.contains(bad)) {
        return "may not contain '" + bad + "'";
      }
    }
    return null;
  }

  /// A label or annotation key: `name` or `prefix/name`.
  public static @Nullable String qualifiedName(String key) {
    int slash = key.indexOf('/');
    if (slash != key.lastIndexOf('/')) {
      return "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start"
          + " and end with an alphanumeric character, with an optional DNS subdomain prefix and '/'"
          + " (e.g. 'example.com/MyName')";
    }
    if (slash >= 0) {
      String prefix = key.substring(0, slash);
      if (prefix.isEmpty()) {
        return "prefix part must be non-empty";
      }
      String problem = subdomain(prefix);
      if (problem != null) {
        return "prefix part " + problem;
      }
    }
    String name = key.substring(slash + 1);
    if (name.isEmpty()) {
      return "name part must be non-empty";
    }
    if (name.length() > LABEL_LENGTH) {
      return "name part must be no more than " + LABEL_LENGTH + " characters";
    }
    return isLabelText(name) ? null : NAME_PART;
  }

  public static @Nullable String labelValue(String value) {
    if (value.length() > LABEL_LENGTH) {
      return "must be no more than " + LABEL_LENGTH + " characters";
    }
    return value.isEmpty() || isLabelText(value) ? null : LABEL_VALUE;
  }

  /// A key of a ConfigMap's or Secret's data.
  public static @Nullable String configKey(String key) {
    if (key.length() > SUBDOMAIN_LENGTH) {
      return "must be no more than " + SUBDOMAIN_LENGTH + " characters";
    }
    if (key.equals(".") || key.startsWith("..")) {
      return "must not be '.' or start with '..'";
    }
    boolean fits = !key.isEmpty();
    for (int i = 0; i < key.length(); i++) {
      fits &= isAlphanumeric(key.charAt(i)) || "-._".indexOf(key.charAt(i)) >= 0;
    }
    return fits ? null : CONFIG_KEY;
  }

  /// The name of a port, an IANA service name.
  public static @Nullable String portName(String name) {
    if (name.length() > 15) {
      return "must be no more than 15 characters";
    }
    boolean letter = false;
    for (int i = 0; i < name.length(); i++) {
      char c = name.charAt(i);
      if (!isLower(c) && !isDigit(c) && c != '-') {
        return PORT_NAME;
      }
      letter |= isLower(c);
    }
    if (!letter) {
      return "must contain at least one letter (a-z)";
    }
    if (name.contains("--")) {
      return "must not contain consecutive hyphens";
    }
    return name.startsWith("-") || name.endsWith("-")
        ? "must not begin or end with a hyphen"
        : null;
  }

  private static boolean isLabel(String text, int from, int to) {
    if (from >= to || text.charAt(from) == '-' || text.charAt(to - 1) == '-') {
      return false;
    }
    for (int i = from; i < to; i++) {
      char c = text.charAt(i);
      if (!isLower(c) && !isDigit(c) && c != '-') {
        return false;
      }
    }
    return true;
  }

  private static boolean isLabelText(String text) {
    int last = text.length() - 1;
    if (!isAlphanumeric(text.charAt(0)) || !isAlphanumeric(text.charAt(last))) {
      return false;
    }
    for (int i = 1; i < last; i++) {
      char c = text.charAt(i);
      if (!isAlphanumeric(c) && c != '-' && c != '_' && c != '.') {
        return false;
      }
    }
    return true;
  }

  private static boolean isLower(char c) {
    return c >= 'a' && c <= 'z';
  }

  private static boolean isDigit(char c) {
    return c >= '0' && c <= '9';
  }

  private static boolean isAlphanumeric(char c) {
    return isLower(c) || isDigit(c) || (c >= 'A' && c <= 'Z');
  }
}
