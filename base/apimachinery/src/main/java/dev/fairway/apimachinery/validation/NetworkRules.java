// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.validation;

import dev.fairway.apimachinery.FieldError;
import dev.fairway.apimachinery.Names;
import dev.fairway.apimachinery.Trees;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// The rules of Services and what belongs to them.
final class NetworkRules {
  private static final String PORT_RANGE = "must be between 1 and 65535, inclusive";
  private static final String IP = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
  private static final String CIDR =
      "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";

  private NetworkRules() {}

  static void service(@Nullable JsonNode spec, Findings findings) {
    if (spec == null) {
      findings.required("spec", "");
      return;
    }
    String type = Trees.text(spec, "type");
    boolean headless = Trees.text(spec, "clusterIP").equals("None");
    boolean external = type.equals("ExternalName");
    if (external) {
      String name = Trees.text(spec, "externalName");
      if (name.isEmpty()) {
        findings.required("spec.externalName", "");
      } else {
        String bare = name.endsWith(".") ? name.substring(0, name.length() - 1) : name;
        findings.problem("spec.externalName", name, Names.subdomain(bare));
      }
    } else if (!headless && spec.path("ports").isEmpty()) {
      findings.required("spec.ports", "");
    }
    if (headless && (type.equals("NodePort") || type.equals("LoadBalancer"))) {
      findings.add(
          FieldError.invalid(
              "spec.clusterIPs[0]", "None", "may not be set to 'None' for " + type + " services"));
    }
    ports(spec, type, findings);
    Metadata.labels(spec, "selector", "spec.selector", findings);
    int index = 0;
    for (JsonNode ip : Trees.items(spec, "externalIPs")) {
      ip(ip.asString(), "spec.externalIPs[" + index++ + "]", findings);
    }
    String clusterIp = Trees.text(spec, "clusterIP");
    if (!clusterIp.isEmpty() && !headless) {
      ip(clusterIp, "spec.clusterIPs[0]", findings);
    }
    index = 0;
    for (JsonNode range : Trees.items(spec, "loadBalancerSourceRanges")) {
      cidr(range.asString(), "spec.loadBalancerSourceRanges[" + index++ + "]", findings);
    }
    if (Trees.at(spec, "externalTrafficPolicy") != null
        && !type.equals("NodePort")
        && !type.equals("LoadBalancer")
        && spec.path("externalIPs").isEmpty()) {
      findings.add(
          FieldError.invalid(
              "spec.externalTrafficPolicy",
              Trees.text(spec, "externalTrafficPolicy"),
              "may only be set for externally-accessible services"));
    }
  }

  private static void ports(JsonNode spec, String type, Findings findings) {
    boolean several = spec.path("ports").size() > 1;
    Set<String> names = new HashSet<>();
    Set<String> numbers = new HashSet<>();
    int index = 0;
    for (JsonNode port : Trees.items(spec, "ports")) {
      String at = "spec.ports[" + index++ + "]";
      String name = Trees.text(port, "name");
      if (name.isEmpty()) {
        if (several) {
          findings.required(at + ".name", "");
        }
      } else {
        findings.problem(at + ".name", name, Names.label(name));
        if (!names.add(name)) {
          findings.add(FieldError.duplicate(at + ".name", name));
        }
      }
      long number = Trees.number(port, 0, "port");
      port(number, at + ".port", findings);
      if (!numbers.add(Trees.text(port, "protocol") + number)) {
        findings.add(FieldError.duplicate(at, port));
      }
      if (!port.path("targetPort").equals(port.path("port"))) {
        target(port.get("targetPort"), at + ".targetPort", findings);
      }
      long nodePort = Trees.number(port, 0, "nodePort");
      if (nodePort != 0 && (type.equals("ClusterIP") || type.equals("ExternalName"))) {
        findings.add(
            FieldError.forbidden(
                at + ".nodePort", "may not be used when `type` is '" + type + "'"));
      }
    }
  }

  private static void target(@Nullable JsonNode target, String path, Findings findings) {
    if (target != null && target.isNumber()) {
      port(target.asLong(), path, findings);
    } else if (target != null) {
      findings.problem(path, target.asString(), Names.portName(target.asString()));
    }
  }

  private static void port(long number, String path, Findings findings) {
    if (number < 1 || number > 65535) {
      findings.add(FieldError.invalid(path, number, PORT_RANGE));
    }
  }

  static void endpoints(ObjectNode object, Findings findings) {
    int index = 0;
    for (JsonNode subset : Trees.items(object, "subsets")) {
      String at = "subsets[" + index++ + "]";
      for (String list : new String[] {"addresses", "notReadyAddresses"}) {
        int number = 0;
        for (JsonNode address : Trees.items(subset, list)) {
          ip(Trees.text(address, "ip"), at + "." + list + "[" + number++ + "].ip", findings);
        }
      }
      int number = 0;
      for (JsonNode port : Trees.items(subset, "ports")) {
        port(Trees.number(port, 0, "port"), at + ".ports[" + number++ + "].port", findings);
      }
    }
  }

  static void slice(ObjectNode object, Findings findings) {
    String type = Trees.text(object, "addressType");
    int most = 1000;
    int endpoints = object.path("endpoints").size();
    if (endpoints > most) {
      findings.add(FieldError.tooMany("endpoints", endpoints, most));
      return;
    }
    int index = 0;
    for (JsonNode endpoint : Trees.items(object, "endpoints")) {
      String at = "endpoints[" + index++ + "].addresses";
      int number = 0;
      if (endpoint.path("addresses").isEmpty()) {
        findings.required(at, "must contain at least 1 address");
      }
      for (JsonNode address : Trees.items(endpoint, "addresses")) {
        String text = address.asString();
        String field = at + "[" + number++ + "]";
        if (type.equals("FQDN")) {
          findings.problem(field, text, Names.subdomain(text));
        } else if (!isIp(text) || (text.indexOf(':') >= 0) != type.equals("IPv6")) {
          findings.add(FieldError.invalid(field, text, "must be a valid " + type + " address"));
        }
      }
    }
    index = 0;
    Set<String> names = new HashSet<>();
    for (JsonNode port : Trees.items(object, "ports")) {
      String at = "ports[" + index++ + "]";
      String name = Trees.text(port, "name");
      if (!names.add(name)) {
        findings.add(FieldError.duplicate(at + ".name", name));
      }
      if (port.get("port") != null) {
        port(port.get("port").asLong(), at + ".port", findings);
      }
    }
  }

  static void ingress(@Nullable JsonNode spec, Findings findings) {
    if (spec == null
        || (spec.path("rules").isEmpty() && Trees.at(spec, "defaultBackend") == null)) {
      findings.add(
          FieldError.invalid(
              "spec",
              spec == null ? Trees.object() : spec,
              "either `defaultBackend` or `rules` must be specified"));
      return;
    }
    backend(Trees.at(spec, "defaultBackend"), "spec.defaultBackend", findings);
    int index = 0;
    for (JsonNode rule : Trees.items(spec, "rules")) {
      String at = "spec.rules[" + index++ + "]";
      String host = Trees.text(rule, "host");
      if (!host.isEmpty()) {
        String bare = host.startsWith("*.") ? host.substring(2) : host;
        findings.problem(
            at + ".host",
            host,
            isIp(host) ? "must be a DNS name, not an IP address" : Names.subdomain(bare));
      }
      if (Trees.at(rule, "http") != null && rule.path("http").path("paths").isEmpty()) {
        findings.required(at + ".http.paths", "");
      }
      int number = 0;
      for (JsonNode path : Trees.items(rule, "http", "paths")) {
        String field = at + ".http.paths[" + number++ + "]";
        String text = Trees.text(path, "path");
        boolean free = Trees.text(path, "pathType").equals("ImplementationSpecific");
        if (!text.startsWith("/") && !(free && text.isEmpty())) {
          findings.add(FieldError.invalid(field + ".path", text, "must be an absolute path"));
        }
        backend(Trees.at(path, "backend"), field + ".backend", findings);
      }
    }
  }

  private static void backend(@Nullable JsonNode backend, String path, Findings findings) {
    JsonNode service = Trees.at(backend, "service");
    if (service == null) {
      if (backend != null && Trees.at(backend, "resource") == null) {
        findings.required(path, "a service or a resource is needed");
      }
      return;
    }
    JsonNode number = Trees.at(service, "port", "number");
    String name = Trees.text(service, "port", "name");
    if (number == null && name.isEmpty()) {
      findings.required(path + ".service.port", "port name or number is required");
    } else if (number != null) {
      port(number.asLong(), path + ".service.port.number", findings);
    }
  }

  static void policy(@Nullable JsonNode spec, Findings findings) {
    WorkloadRules.selector(Trees.at(spec, "podSelector"), "spec.podSelector", findings);
    for (JsonNode type : Trees.items(spec, "policyTypes")) {
      if (!List.of("Ingress", "Egress").contains(type.asString())) {
        findings.add(
            FieldError.notSupported(
                "spec.policyTypes", type.asString(), List.of("Egress", "Ingress")));
      }
    }
    policyRules(spec, "ingress", "from", findings);
    policyRules(spec, "egress", "to", findings);
  }

  private static void policyRules(
      @Nullable JsonNode spec, String direction, String peers, Findings findings) {
    int index = 0;
    for (JsonNode rule : Trees.items(spec, direction)) {
      String at = "spec." + direction + "[" + index++ + "]";
      int number = 0;
      for (JsonNode peer : Trees.items(rule, peers)) {
        peer(peer, at + "." + peers + "[" + number++ + "]", findings);
      }
      number = 0;
      for (JsonNode port : Trees.items(rule, "ports")) {
        String field = at + ".ports[" + number++ + "]";
        target(port.get("port"), field + ".port", findings);
        JsonNode end = port.get("endPort");
        if (end != null
            && (port.path("port").asLong(0) == 0 || end.asLong() < port.path("port").asLong(0))) {
          findings.add(
              FieldError.invalid(
                  field + ".endPort", end, "must be greater than or equal to `port`"));
        }
      }
    }
  }

  private static void peer(JsonNode peer, String at, Findings findings) {
    JsonNode block = Trees.at(peer, "ipBlock");
    if (peer.isEmpty()) {
      findings.required(at, "must specify a peer");
    } else if (block != null && peer.size() > 1) {
      findings.add(FieldError.forbidden(at, "may not specify both ipBlock and another peer"));
    }
    if (block != null && !Trees.text(block, "cidr").isEmpty()) {
      cidr(Trees.text(block, "cidr"), at + ".ipBlock.cidr", findings);
      int index = 0;
      for (JsonNode except : Trees.items(block, "except")) {
        cidr(except.asString(), at + ".ipBlock.except[" + index++ + "]", findings);
      }
    }
    WorkloadRules.selector(Trees.at(peer, "podSelector"), at + ".podSelector", findings);
    WorkloadRules.selector(
        Trees.at(peer, "namespaceSelector"), at + ".namespaceSelector", findings);
  }

  static void node(@Nullable JsonNode spec, Findings findings) {
    int index = 0;
    for (JsonNode range : Trees.items(spec, "podCIDRs")) {
      cidr(range.asString(), "spec.podCIDRs[" + index++ + "]", findings);
    }
    Set<String> seen = new HashSet<>();
    index = 0;
    for (JsonNode taint : Trees.items(spec, "taints")) {
      String at = "spec.taints[" + index++ + "]";
      String key = Trees.text(taint, "key");
      findings.problem(at + ".key", key, Names.qualifiedName(key));
      findings.problem(
          at + ".value", Trees.text(taint, "value"), Names.labelValue(Trees.text(taint, "value")));
      if (!seen.add(key + ":" + Trees.text(taint, "effect"))) {
        findings.add(FieldError.duplicate(at, taint));
      }
    }
  }

  private static void ip(String text, String path, Findings findings) {
    if (!isIp(text)) {
      findings.add(FieldError.invalid(path, text, IP));
    }
  }

  private static void cidr(String text, String path, Findings findings) {
    int slash = text.indexOf('/');
    boolean fits = slash > 0 && isIp(text.substring(0, slash));
    if (fits) {
      try {
        int bits = Integer.parseInt(text.substring(slash + 1));
        fits = bits >= 0 && bits <= (text.indexOf(':') >= 0 ? 128 : 32);
      } catch (NumberFormatException e) {
        fits = false;
      }
    }
    if (!fits) {
      findings.add(FieldError.invalid(path, text, CIDR));
    }
  }

  /// Literal addresses only; nothing here may ask a name server.
  private static boolean isIp(String text) {
    try {
      if (text.indexOf(':') >= 0) {
        java.net.Inet6Address.ofLiteral(text);
        return text.indexOf('%') < 0 && text.indexOf('[') < 0;
      }
      java.net.Inet4Address.ofLiteral(text);
      return text.chars().filter(c -> c == '.').count() == 3;
    } catch (IllegalArgumentException e) {
      return false;
    }
  }
}
