// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.cni;

import dev.fairway.net.Prefix;
import dev.fairway.podnet.cni.CniException.Code;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Reads the environment and the stdin of a call as sections 2 and 4 of the specification have
/// them.
final class CniRequestParser {
  private static final int LONGEST_ID = 255;

  /// `IFNAMSIZ` of `linux/if.h` less the closing zero.
  private static final int LONGEST_INTERFACE_NAME = 15;

  private final JsonMapper json =
      JsonMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

  /// The version that an error about this stdin is told in: its own if that can be read.
  CniVersion versionOf(byte[] stdin) {
    try {
      JsonNode version = json.readTree(stdin).path("cniVersion");
      return CniVersion.of(version.isString() ? version.stringValue() : "")
          .orElse(CniVersion.NEWEST);
    } catch (JacksonException e) {
      return CniVersion.NEWEST;
    }
  }

  CniRequest parse(Map<String, String> environment, byte[] stdin) throws CniException {
    JsonNode config = object(stdin);
    CniVersion version = version(config);
    String network = network(config);
    CniCommand command = command(environment);
    String containerId = identifier("CNI_CONTAINERID", required(environment, "CNI_CONTAINERID"));
    String interfaceName = interfaceName(required(environment, "CNI_IFNAME"));
    Optional<Path> netns = netns(environment, command);
    Optional<List<String>> previous = previous(config);
    if (command == CniCommand.CHECK && previous.isEmpty()) {
      throw new CniException(
          Code.INVALID_CONFIG, "CHECK needs prevResult in the network configuration", "");
    }
    if (command == CniCommand.ADD && previous.isPresent()) {
      throw new CniException(
          Code.UNSUPPORTED_FIELD,
          "prevResult: fairway makes the pod's first interface, put it first in the plugin list",
          "");
    }
    return new CniRequest(
        command,
        version,
        network,
        new CniRequest.Attachment(containerId, interfaceName),
        netns,
        pod(environment.getOrDefault("CNI_ARGS", "")),
        previous);
  }

  private JsonNode object(byte[] stdin) throws CniException {
    JsonNode config;
    try {
      config = json.readTree(stdin);
    } catch (JacksonException e) {
      throw new CniException(
          Code.UNDECODABLE, "the network configuration is not JSON", e.getOriginalMessage());
    }
    if (!config.isObject()) {
      throw new CniException(
          Code.UNDECODABLE, "the network configuration is not a JSON object", "");
    }
    return config;
  }

  private static CniVersion version(JsonNode config) throws CniException {
    JsonNode version = config.path("cniVersion");
    if (!version.isString()) {
      throw new CniException(Code.INVALID_CONFIG, "cniVersion is missing", "");
    }
    return CniVersion.of(version.stringValue())
        .orElseThrow(() ->
            new CniException(
                Code.INCOMPATIBLE_VERSION,
                "cniVersion is not one that fairway speaks (0.3.0, 0.3.1, 0.4.0, 1.0.0)",
                version.stringValue()));
  }

  private static String network(JsonNode config) throws CniException {
    JsonNode name = config.path("name");
    if (!name.isString() || !isIdentifier(name.stringValue())) {
      throw new CniException(
          Code.INVALID_CONFIG,
          "name must name the network: a letter or digit, then letters, digits, '_', '.' and '-'",
          "");
    }
    return name.stringValue();
  }

  private static CniCommand command(Map<String, String> environment) throws CniException {
    String text = environment.getOrDefault("CNI_COMMAND", "");
    for (CniCommand command : CniCommand.values()) {
      if (command.name().equals(text)) {
        return command;
      }
    }
    throw new CniException(
        Code.INVALID_ENVIRONMENT, "CNI_COMMAND must be ADD, DEL, CHECK or VERSION", text);
  }

  private static String required(Map<String, String> environment, String name) throws CniException {
    String value = environment.getOrDefault(name, "");
    if (value.isEmpty()) {
      throw new CniException(Code.INVALID_ENVIRONMENT, name + " is not set", "");
    }
    return value;
  }

  private static String identifier(String name, String value) throws CniException {
    if (!isIdentifier(value)) {
      throw new CniException(
          Code.INVALID_ENVIRONMENT,
          name + " must be a letter or digit, then letters, digits, '_', '.' and '-'",
          value);
    }
    return value;
  }

  private static boolean isIdentifier(String value) {
    if (value.isEmpty() || value.length() > LONGEST_ID || !isLetterOrDigit(value.charAt(0))) {
      return false;
    }
    for (int i = 1; i < value.length(); i++) {
      char c = value.charAt(i);
      if (!isLetterOrDigit(c) && c != '_' && c != '.' && c != '-') {
        return false;
      }
    }
    return true;
  }

  private static boolean isLetterOrDigit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  }

  private static String interfaceName(String value) throws CniException {
    boolean fits =
        value.length() <= LONGEST_INTERFACE_NAME && !value.equals(".") && !value.equals("..");
    for (int i = 0; i < value.length(); i++) {
      char c = value.charAt(i);
      fits &= c > ' ' && c < 127 && c != '/' && c != ':';
    }
    if (!fits) {
      throw new CniException(
          Code.INVALID_ENVIRONMENT,
          "CNI_IFNAME must be 1 to 15 visible characters without '/' and ':'",
          value);
    }
    return value;
  }

  private static Optional<Path> netns(Map<String, String> environment, CniCommand command)
      throws CniException {
    String value = environment.getOrDefault("CNI_NETNS", "");
    if (value.isEmpty()) {
      if (command == CniCommand.DEL) {
        return Optional.empty(); // the sandbox may be gone before its DEL comes
      }
      throw new CniException(Code.INVALID_ENVIRONMENT, "CNI_NETNS is not set", "");
    }
    if (!value.startsWith("/") || value.length() > 4096 || value.indexOf('\n') >= 0) {
      throw new CniException(Code.INVALID_ENVIRONMENT, "CNI_NETNS must be an absolute path", value);
    }
    return Optional.of(Path.of(value));
  }

  /// `CNI_ARGS` is `K=V;K=V`; keys that mean nothing here are somebody else's.
  private static Optional<CniRequest.Pod> pod(String args) throws CniException {
    Map<String, String> values = new HashMap<>();
    for (int from = 0; from < args.length(); ) {
      int end = args.indexOf(';', from);
      String pair = args.substring(from, end < 0 ? args.length() : end);
      int equals = pair.indexOf('=');
      if (!pair.isEmpty() && equals < 1) {
        throw new CniException(
            Code.INVALID_ENVIRONMENT, "CNI_ARGS must be KEY=VALUE pairs split by ';'", pair);
      }
      if (equals > 0) {
        values.put(pair.substring(0, equals), pair.substring(equals + 1));
      }
      from = end < 0 ? args.length() : end + 1;
    }
    String namespace = values.get("K8S_POD_NAMESPACE");
    String name = values.get("K8S_POD_NAME");
    if (namespace == null || name == null) {
      return Optional.empty();
    }
    String uid = values.getOrDefault("K8S_POD_UID", "");
    return Optional.of(
        new CniRequest.Pod(
            identifier("K8S_POD_NAMESPACE", namespace),
            identifier("K8S_POD_NAME", name),
            uid.isEmpty() ? "" : identifier("K8S_POD_UID", uid)));
  }

  private static Optional<List<String>> previous(JsonNode config) throws CniException {
    JsonNode result = config.path("prevResult");
    if (result.isMissingNode() || result.isNull()) {
      return Optional.empty();
    }
    List<String> addresses = new ArrayList<>();
    for (JsonNode ip : result.path("ips")) {
      JsonNode address = ip.path("address");
      try {
        addresses.add(Prefix.parse(address.isString() ? address.stringValue() : "").toString());
      } catch (IllegalArgumentException e) {
        throw new CniException(Code.INVALID_CONFIG, "prevResult.ips.address: " + e.getMessage(), e);
      }
    }
    return Optional.of(addresses);
  }
}
