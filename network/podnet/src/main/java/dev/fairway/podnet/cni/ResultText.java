// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.cni;

import dev.fairway.podnet.cni.CniException.Code;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Results and errors as text, for those who keep them or got them from a plugin they started.
public final class ResultText {
  private static final JsonMapper JSON = new JsonMapper();

  private ResultText() {}

  /// One line that holds all of the result.
  public static String render(CniResult result) {
    return ResultWriter.render(result, CniVersion.NEWEST);
  }

  /// Reads what [#render] wrote.
  public static CniResult parse(byte[] text) throws CniException {
    return parse(text, CniVersion.NEWEST);
  }

  /// Reads what a plugin printed.
  ///
  /// @param fallback the version that it was called with
  /// @throws CniException if it makes no sense
  public static CniResult parse(byte[] text, CniVersion fallback) throws CniException {
    JsonNode node;
    try {
      node = JSON.readTree(text);
    } catch (JacksonException e) {
      throw new CniException(Code.UNDECODABLE, "a plugin's result is not JSON", excerpt(text));
    }
    if (!node.isObject()) {
      throw new CniException(
          Code.UNDECODABLE, "a plugin's result is not a JSON object", excerpt(text));
    }
    return ResultReader.read(new JsonFields(node, ""), fallback);
  }

  /// Reads the error that a plugin printed, if it is one.
  public static @Nullable CniException parseError(byte[] text) {
    try {
      JsonNode node = JSON.readTree(text);
      JsonNode code = node.path("code");
      if (!code.isIntegralNumber() || !code.canConvertToInt() || code.intValue() == 0) {
        return null;
      }
      return new CniException(code.intValue(), textOf(node, "msg"), textOf(node, "details"));
    } catch (JacksonException e) {
      return null;
    }
  }

  private static String textOf(JsonNode node, String name) {
    JsonNode child = node.path(name);
    return child.isString() ? child.stringValue() : "";
  }

  private static String excerpt(byte[] text) {
    return new String(text, 0, Math.min(text.length, 200), StandardCharsets.UTF_8);
  }
}
