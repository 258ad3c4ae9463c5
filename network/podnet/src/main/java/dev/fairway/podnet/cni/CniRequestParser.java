// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.cni;

import dev.fairway.podnet.cni.CniException.Code;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Reads the environment and the stdin of a call as sections 2 and 4 of the specification have
/// them.
public final class CniRequestParser {
  private static final int LONGEST_ID = 255;

  /// `IFNAMSIZ` of `linux/if.h` less the closing zero.
  private static final int LONGEST_INTERFACE_NAME = 15;

  /// The specification's text has the second name in one place; libraries send both.
  private static final List<String> ATTACHMENT_LISTS =
      List.of("cni.dev/valid-attachments", "cni.dev/attachments");

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

  /// Reads ADD, DEL and CHECK.
  public CniRequest parse(CniCall call) throws CniException {
    Map<String, String> environment = call.environment();
    CniCommand command = command(environment);
    JsonFields config = object(call.stdin());
    CniVersion version = version(config, command);
    String network = network(config);
    String containerId = identifier("CNI_CONTAINERID", required(environment, "CNI_CONTAINERID"));
    String interfaceName = interfaceName(required(environment, "CNI_IFNAME"));
    Optional<Path> netns = netns(environment, command);
    Optional<JsonFields> previous = config.object("prevResult");
    if (command == CniCommand.CHECK && previous.isEmpty()) {
      throw new CniException(
          Code.INVALID_CONFIG, "CHECK needs prevResult in the network configuration", "");
    }
    return new CniRequest(
        command,
        version,
        network,
        new CniRequest.Attachment(containerId, interfaceName),
        netns,
        pod(environment.getOrDefault("CNI_ARGS", "")),
        previous.isPresent()
            ? Optional.of(ResultReader.read(previous.get(), version))
            : Optional.empty(),
        CapabilitiesParser.parse(config),
        ResultReader.dns(config.object("dns")),
        delegate(config),
        call);
  }

  /// Reads STATUS and GC.
  NetworkRequest parseNetwork(CniCall call) throws CniException {
    CniCommand command = command(call.environment());
    JsonFields config = object(call.stdin());
    CniVersion version = version(config, command);
    String network = network(config);
    Set<CniRequest.Attachment> valid = new HashSet<>();
    if (command == CniCommand.GC) {
      if (ATTACHMENT_LISTS.stream().noneMatch(name -> config.node().has(name))) {
        // Without the list nothing would be valid: that is never what somebody meant.
        throw new CniException(
            Code.INVALID_CONFIG,
            "GC needs " + ATTACHMENT_LISTS.getFirst() + " in the network configuration",
            "");
      }
      for (String name : ATTACHMENT_LISTS) {
        for (JsonNode attachment : list(config, name)) {
          valid.add(attachment(attachment, name));
        }
      }
    }
    return new NetworkRequest(command, version, network, delegate(config), valid, call);
  }

  /// What is asked, before anything else is looked at.
  ///
  /// @throws CniException unless it is a command of the specification
  static CniCommand command(Map<String, String> environment) throws CniException {
    String text = environment.getOrDefault("CNI_COMMAND", "");
    for (CniCommand command : CniCommand.values()) {
      if (command.name().equals(text)) {
        return command;
      }
    }
    throw new CniException(
        Code.INVALID_ENVIRONMENT,
        "CNI_COMMAND must be ADD, DEL, CHECK, STATUS, GC or VERSION",
        text);
  }

  private static JsonNode list(JsonFields config, String name) throws CniException {
    JsonNode list = config.node().path(name);
    if (!list.isMissingNode() && !list.isNull() && !list.isArray()) {
      throw config.wrong(name, "a list", list);
    }
    return list;
  }

  private static CniRequest.Attachment attachment(JsonNode node, String list) throws CniException {
    JsonNode id = node.path("containerID");
    JsonNode name = node.path("ifname");
    if (!id.isString() || !name.isString()) {
      throw new CniException(
          Code.INVALID_CONFIG, list + " must list objects with containerID and ifname", "");
    }
    return new CniRequest.Attachment(id.stringValue(), name.stringValue());
  }

  /// The name of the file to start, so it may not lead out of the directories of `CNI_PATH`.
  private static Optional<String> delegate(JsonFields config) throws CniException {
    Optional<JsonFields> ipam = config.object("ipam");
    String type = ipam.isPresent() ? ipam.get().text("type") : "";
    if (type.isEmpty()) {
      return Optional.empty();
    }
    if (!isIdentifier(type)) {
      throw new CniException(
          Code.INVALID_CONFIG, "ipam.type must be the name of a plugin's executable", type);
    }
    return Optional.of(type);
  }

  private JsonFields object(byte[] stdin) throws CniException {
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
    if (config.path("plugins").isArray()) {
      throw new CniException(
          Code.INVALID_CONFIG,
          "this is a list of network configurations: a plugin takes one entry of its plugins,"
              + " with the list's name and cniVersion",
          "");
    }
    return new JsonFields(config, "");
  }

  /// A configuration without a version is older than 0.2.0, which brought them.
  private static CniVersion version(JsonFields config, CniCommand command) throws CniException {
    String text = config.text("cniVersion");
    CniVersion version =
        text.isEmpty()
            ? CniVersion.V0_1_0
            : CniVersion.of(text)
                .orElseThrow(() ->
                    new CniException(
                        Code.INCOMPATIBLE_VERSION,
                        "cniVersion is none that fairway speaks (" + CniVersion.list() + ")",
                        text));
    if (!version.atLeast(command.since())) {
      throw new CniException(
          Code.INCOMPATIBLE_VERSION,
          command + " came with version " + command.since() + " of the specification",
          "cniVersion is " + version);
    }
    return version;
  }

  private static String network(JsonFields config) throws CniException {
    String name = config.text("name");
    if (!isIdentifier(name)) {
      throw new CniException(
          Code.INVALID_CONFIG,
          "name must name the network: a letter or digit, then letters, digits, '_', '.' and '-'",
          "");
    }
    return name;
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
}
