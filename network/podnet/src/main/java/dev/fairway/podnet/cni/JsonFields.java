// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.cni;

import dev.fairway.net.IpAddress;
import dev.fairway.podnet.cni.CniException.Code;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/// One JSON object of a configuration and where it stands, so that what is wrong in it can be
/// named. A field that is null is one that is not there.
///
/// @param node the object
/// @param path where it stands, `prevResult.ips[0]`; empty for the whole configuration
record JsonFields(JsonNode node, String path) {
  /// No list of a configuration has more; the input as a whole is bounded too.
  private static final int LONGEST_LIST = 1024;

  /// A part of the object that is an object itself.
  Optional<JsonFields> object(String name) throws CniException {
    JsonNode child = child(name);
    if (absent(child)) {
      return Optional.empty();
    }
    if (!child.isObject()) {
      throw wrong(name, "an object", child);
    }
    return Optional.of(new JsonFields(child, path(name)));
  }

  /// A list of objects; empty if it is not there.
  List<JsonFields> objects(String name) throws CniException {
    List<JsonFields> objects = new ArrayList<>();
    for (JsonNode child : list(name)) {
      if (!child.isObject()) {
        throw wrong(name, "a list of objects", child);
      }
      objects.add(new JsonFields(child, path(name) + "[" + objects.size() + "]"));
    }
    return objects;
  }

  /// A list of texts; empty if it is not there.
  List<String> texts(String name) throws CniException {
    List<String> texts = new ArrayList<>();
    for (JsonNode child : list(name)) {
      if (!child.isString()) {
        throw wrong(name, "a list of strings", child);
      }
      texts.add(child.stringValue());
    }
    return texts;
  }

  JsonNode list(String name) throws CniException {
    JsonNode child = child(name);
    if (!absent(child) && !child.isArray()) {
      throw wrong(name, "a list", child);
    }
    if (child.size() > LONGEST_LIST) {
      throw wrong(name, "a list of at most " + LONGEST_LIST, child);
    }
    return child;
  }

  /// A text; empty if it is not there.
  String text(String name) throws CniException {
    JsonNode child = child(name);
    if (absent(child)) {
      return "";
    }
    if (!child.isString()) {
      throw wrong(name, "a string", child);
    }
    return child.stringValue();
  }

  /// A whole number from 0; 0 if it is not there.
  long number(String name, long highest) throws CniException {
    JsonNode child = child(name);
    if (absent(child)) {
      return 0;
    }
    boolean fits = child.isIntegralNumber() && child.canConvertToLong();
    if (!fits || child.longValue() < 0 || child.longValue() > highest) {
      throw wrong(name, "a number from 0 to " + highest, child);
    }
    return child.longValue();
  }

  Optional<Integer> optionalNumber(String name) throws CniException {
    return absent(child(name))
        ? Optional.empty()
        : Optional.of((int) number(name, Integer.MAX_VALUE));
  }

  Optional<IpAddress> address(String name) throws CniException {
    String text = text(name);
    try {
      return text.isEmpty() ? Optional.empty() : Optional.of(IpAddress.parse(text));
    } catch (IllegalArgumentException e) {
      throw new CniException(Code.INVALID_CONFIG, path(name) + ": " + e.getMessage(), "");
    }
  }

  /// By name, of whatever case if none has it as written: so do the plugins that are made with Go,
  /// and containerd hands over `HostPort` where the convention says `hostPort`.
  private JsonNode child(String name) {
    JsonNode exact = node.path(name);
    if (exact.isMissingNode()) {
      for (Map.Entry<String, JsonNode> property : node.properties()) {
        if (property.getKey().equalsIgnoreCase(name)) {
          return property.getValue();
        }
      }
    }
    return exact;
  }

  CniException wrong(String name, String wanted, JsonNode found) {
    String text = found.toString();
    return new CniException(
        Code.INVALID_CONFIG,
        path(name) + " must be " + wanted,
        text.length() > 200 ? text.substring(0, 200) + "…" : text);
  }

  String path(String name) {
    return path.isEmpty() ? name : path + "." + name;
  }

  private static boolean absent(JsonNode node) {
    return node.isMissingNode() || node.isNull();
  }
}
