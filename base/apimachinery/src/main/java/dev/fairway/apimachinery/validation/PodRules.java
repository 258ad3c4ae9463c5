// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.validation;

import dev.fairway.apimachinery.FieldError;
import dev.fairway.apimachinery.Names;
import dev.fairway.apimachinery.Quantity;
import dev.fairway.apimachinery.Trees;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// The rules of pod specs, in pods and in templates. Fixed sets of values are checked by [Shape].
final class PodRules {
  private static final int LARGEST_PORT = 65535;
  private static final String PORT_RANGE = "must be between 1 and 65535, inclusive";

  private final JsonNode spec;
  private final String path;
  private final Findings findings;
  private final Set<String> volumes = new HashSet<>();
  private final Set<String> names = new HashSet<>();

  PodRules(JsonNode spec, String path, Findings findings) {
    this.spec = spec;
    this.path = path;
    this.findings = findings;
  }

  void check() {
    volumes();
    if (spec.path("containers").isEmpty()) {
      findings.required(path + ".containers", "");
    }
    for (String field : new String[] {"initContainers", "containers"}) {
      int index = 0;
      for (JsonNode container : Trees.items(spec, field)) {
        container(container, path + "." + field + "[" + index++ + "]");
      }
    }
    JsonNode grace = spec.get("terminationGracePeriodSeconds");
    if (grace != null && grace.asLong() < 0) {
      notNegative(path + ".terminationGracePeriodSeconds", grace);
    }
    JsonNode deadline = spec.get("activeDeadlineSeconds");
    if (deadline != null && deadline.asLong() < 1) {
      findings.add(
          FieldError.invalid(
              path + ".activeDeadlineSeconds",
              deadline,
              "must be between 1 and 2147483647, inclusive"));
    }
    Metadata.labels(spec, "nodeSelector", path + ".nodeSelector", findings);
    name(Trees.text(spec, "nodeName"), path + ".nodeName");
    name(Trees.text(spec, "serviceAccountName"), path + ".serviceAccountName");
    String host = Trees.text(spec, "hostname");
    if (!host.isEmpty()) {
      findings.problem(path + ".hostname", host, Names.label(host));
    }
    tolerations();
    if (Trees.text(spec, "dnsPolicy").equals("None")
        && spec.path("dnsConfig").path("nameservers").isEmpty()) {
      findings.required(
          path + ".dnsConfig.nameservers",
          "must provide at least one DNS nameserver when `dnsPolicy` is None");
    }
  }

  private void name(String name, String field) {
    if (!name.isEmpty()) {
      findings.problem(field, name, Names.subdomain(name));
    }
  }

  private void notNegative(String field, JsonNode value) {
    findings.add(FieldError.invalid(field, value, "must be greater than or equal to 0"));
  }

  private void volumes() {
    int index = 0;
    for (JsonNode volume : Trees.items(spec, "volumes")) {
      String at = path + ".volumes[" + index++ + "]";
      String name = Trees.text(volume, "name");
      if (!name.isEmpty()) {
        findings.problem(at + ".name", name, Names.label(name));
        if (!volumes.add(name)) {
          findings.add(FieldError.duplicate(at + ".name", name));
        }
      }
      if (volume.size() > 2) {
        String second = "";
        for (Map.Entry<String, JsonNode> entry : volume.properties()) {
          second = entry.getKey().equals("name") ? second : entry.getKey();
        }
        findings.add(
            FieldError.forbidden(at + "." + second, "may not specify more than 1 volume type"));
      }
      String hostPath = Trees.text(volume, "hostPath", "path");
      if (hostPath.contains("..")) {
        findings.add(FieldError.invalid(at + ".hostPath.path", hostPath, "must not contain '..'"));
      }
      if (Trees.at(volume, "secret") != null
          && Trees.text(volume, "secret", "secretName").isEmpty()) {
        findings.required(at + ".secret.secretName", "");
      }
      if (Trees.at(volume, "configMap") != null
          && Trees.text(volume, "configMap", "name").isEmpty()) {
        findings.required(at + ".configMap.name", "");
      }
    }
  }

  private void container(JsonNode container, String at) {
    String name = Trees.text(container, "name");
    if (!name.isEmpty()) {
      findings.problem(at + ".name", name, Names.label(name));
      if (!names.add(name)) {
        findings.add(FieldError.duplicate(at + ".name", name));
      }
    }
    String image = Trees.text(container, "image");
    if (image.isEmpty()) {
      findings.required(at + ".image", "");
    } else if (!image.strip().equals(image)) {
      findings.add(
          FieldError.invalid(at + ".image", image, "must not have leading or trailing whitespace"));
    }
    ports(container, at);
    environment(container, at);
    mounts(container, at);
    resources(container, at);
    for (String probe : new String[] {"livenessProbe", "readinessProbe", "startupProbe"}) {
      if (container.get(probe) instanceof ObjectNode found) {
        probe(found, probe, at + "." + probe);
      }
    }
  }

  private void ports(JsonNode container, String at) {
    Set<String> portNames = new HashSet<>();
    int index = 0;
    for (JsonNode port : Trees.items(container, "ports")) {
      String field = at + ".ports[" + index++ + "]";
      String name = Trees.text(port, "name");
      if (!name.isEmpty()) {
        findings.problem(field + ".name", name, Names.portName(name));
        if (!portNames.add(name)) {
          findings.add(FieldError.duplicate(field + ".name", name));
        }
      }
      long number = Trees.number(port, 0, "containerPort");
      if (number == 0) {
        findings.required(field + ".containerPort", "");
      } else {
        port(field + ".containerPort", number);
      }
      long host = Trees.number(port, 0, "hostPort");
      if (host != 0) {
        port(field + ".hostPort", host);
        if (Trees.flag(spec, "hostNetwork") && host != number) {
          findings.add(
              FieldError.invalid(
                  field + ".hostPort",
                  host,
                  "must match `containerPort` when `hostNetwork` is true"));
        }
      }
    }
  }

  private void port(String field, long number) {
    if (number < 1 || number > LARGEST_PORT) {
      findings.add(FieldError.invalid(field, number, PORT_RANGE));
    }
  }

  private void environment(JsonNode container, String at) {
    int index = 0;
    for (JsonNode variable : Trees.items(container, "env")) {
      String field = at + ".env[" + index++ + "]";
      String name = Trees.text(variable, "name");
      if (name.indexOf('=') >= 0) {
        findings.add(
            FieldError.invalid(
                field + ".name",
                name,
                "a valid environment variable name must consist only of printable ASCII characters"
                    + " other than '='"));
      }
      JsonNode from = Trees.at(variable, "valueFrom");
      if (from != null) {
        if (!Trees.text(variable, "value").isEmpty()) {
          findings.add(
              FieldError.invalid(
                  field + ".valueFrom", from, "may not be specified when `value` is not empty"));
        }
        if (from.size() != 1) {
          findings.add(
              FieldError.invalid(
                  field + ".valueFrom",
                  from,
                  from.isEmpty()
                      ? "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or"
                          + " `secretKeyRef`"
                      : "may not have more than one field specified at a time"));
        }
      }
    }
  }

  private void mounts(JsonNode container, String at) {
    Set<String> paths = new HashSet<>();
    int index = 0;
    for (JsonNode mount : Trees.items(container, "volumeMounts")) {
      String field = at + ".volumeMounts[" + index++ + "]";
      String name = Trees.text(mount, "name");
      if (!name.isEmpty() && !volumes.contains(name)) {
        findings.add(FieldError.notFound(field + ".name", name));
      }
      String mountPath = Trees.text(mount, "mountPath");
      if (!mountPath.isEmpty() && !paths.add(mountPath)) {
        findings.add(FieldError.invalid(field + ".mountPath", mountPath, "must be unique"));
      }
      String sub = Trees.text(mount, "subPath");
      if (sub.startsWith("/") || List.of(sub.split("/")).contains("..")) {
        findings.add(
            FieldError.invalid(
                field + ".subPath",
                sub,
                sub.startsWith("/") ? "must be a relative path" : "must not contain '..'"));
      }
    }
  }

  private void resources(JsonNode container, String at) {
    ObjectNode limits = Trees.objectAt(container, "resources", "limits");
    for (String list : new String[] {"limits", "requests"}) {
      ObjectNode amounts = Trees.objectAt(container, "resources", list);
      if (amounts == null) {
        continue;
      }
      for (Map.Entry<String, JsonNode> entry : amounts.properties()) {
        String field = at + ".resources." + list + "[" + entry.getKey() + "]";
        Quantity amount = Quantity.parse(entry.getValue().asString());
        if (amount.isNegative()) {
          notNegative(field, entry.getValue());
        }
        JsonNode limit = limits == null ? null : limits.get(entry.getKey());
        if (list.equals("requests")
            && limit != null
            && amount.compareTo(Quantity.parse(limit.asString())) > 0) {
          findings.add(
              FieldError.invalid(
                  at + ".resources.requests",
                  entry.getValue().asString(),
                  "must be less than or equal to "
                      + entry.getKey()
                      + " limit of "
                      + limit.asString()));
        }
      }
    }
  }

  private void probe(ObjectNode probe, String kind, String at) {
    int handlers = 0;
    for (String handler : new String[] {"exec", "httpGet", "tcpSocket", "grpc"}) {
      handlers += probe.get(handler) == null ? 0 : 1;
    }
    if (handlers == 0) {
      findings.required(at, "must specify a handler type");
    } else if (handlers > 1) {
      findings.add(FieldError.forbidden(at, "may not specify more than 1 handler type"));
    }
    for (String handler : new String[] {"httpGet", "tcpSocket", "grpc"}) {
      JsonNode port = Trees.at(probe, handler, "port");
      if (port != null && port.isNumber()) {
        port(at + "." + handler + ".port", port.asLong());
      } else if (port != null) {
        findings.problem(
            at + "." + handler + ".port", port.asString(), Names.portName(port.asString()));
      }
    }
    for (String field :
        new String[] {
          "initialDelaySeconds",
          "timeoutSeconds",
          "periodSeconds",
          "successThreshold",
          "failureThreshold"
        }) {
      JsonNode value = probe.get(field);
      if (value != null && value.asLong() < 0) {
        notNegative(at + "." + field, value);
      }
    }
    if (!kind.equals("readinessProbe") && Trees.number(probe, 1, "successThreshold") != 1) {
      findings.add(
          FieldError.invalid(at + ".successThreshold", probe.get("successThreshold"), "must be 1"));
    }
  }

  private void tolerations() {
    int index = 0;
    for (JsonNode toleration : Trees.items(spec, "tolerations")) {
      String at = path + ".tolerations[" + index++ + "]";
      String key = Trees.text(toleration, "key");
      String operator = Trees.text(toleration, "operator");
      if (!key.isEmpty()) {
        findings.problem(at + ".key", key, Names.qualifiedName(key));
      } else if (!operator.equals("Exists")) {
        findings.add(
            FieldError.invalid(
                at + ".operator",
                operator,
                "operator must be Exists when `key` is empty, which means \"match all values and all"
                    + " keys\""));
      }
      if (operator.equals("Exists") && !Trees.text(toleration, "value").isEmpty()) {
        findings.add(
            FieldError.invalid(
                at + ".operator", toleration, "value must be empty when `operator` is 'Exists'"));
      }
    }
  }
}
