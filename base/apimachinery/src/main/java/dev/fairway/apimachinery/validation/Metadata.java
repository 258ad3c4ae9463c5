// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.validation;

import dev.fairway.apimachinery.FieldError;
import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.Names;
import dev.fairway.apimachinery.Trees;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Rules for `metadata`, the same for all kinds but for the form of the name.
final class Metadata {
  private static final int ANNOTATIONS_BYTES = 256 * 1024;

  private Metadata() {}

  static void check(Kind kind, ObjectNode object, Findings findings) {
    JsonNode metadata = Trees.at(object, "metadata");
    String name = Trees.text(metadata, "name");
    String generateName = Trees.text(metadata, "generateName");
    if (name.isEmpty()) {
      if (kind.storable()) {
        findings.required("metadata.name", "name or generateName is required");
      }
    } else {
      findings.problem("metadata.name", name, name(kind, name));
    }
    if (!generateName.isEmpty()) {
      // The suffix makes a trailing hyphen or dot right again.
      findings.problem("metadata.generateName", generateName, name(kind, generateName + "x"));
    }
    namespace(kind, Trees.text(metadata, "namespace"), findings);
    labels(metadata, "labels", "metadata.labels", findings);
    annotations(metadata, findings);
    owners(metadata, findings);
    for (JsonNode finalizer : Trees.items(metadata, "finalizers")) {
      findings.problem(
          "metadata.finalizers", finalizer.asString(), Names.qualifiedName(finalizer.asString()));
    }
  }

  private static @Nullable String name(Kind kind, String name) {
    if (kind.custom() != null) {
      return Names.subdomain(name);
    }
    return switch (kind.group()) {
      case "" ->
          switch (kind.kind()) {
            case "Service" -> Names.label1035(name);
            case "Namespace" -> Names.label(name);
            default -> Names.subdomain(name);
          };
      case "rbac.authorization.k8s.io" -> Names.pathSegment(name);
      default -> Names.subdomain(name);
    };
  }

  private static void namespace(Kind kind, String namespace, Findings findings) {
    if (!kind.namespaced()) {
      if (!namespace.isEmpty()) {
        findings.add(FieldError.forbidden("metadata.namespace", "not allowed on this type"));
      }
    } else if (namespace.isEmpty()) {
      findings.required("metadata.namespace", "");
    } else {
      findings.problem("metadata.namespace", namespace, Names.label(namespace));
    }
  }

  static void labels(@Nullable JsonNode owner, String field, String path, Findings findings) {
    if (Trees.at(owner, field) instanceof ObjectNode labels) {
      for (Map.Entry<String, JsonNode> label : labels.properties()) {
        findings.problem(path, label.getKey(), Names.qualifiedName(label.getKey()));
        String value = label.getValue().asString();
        findings.problem(path, value, Names.labelValue(value));
      }
    }
  }

  private static void annotations(@Nullable JsonNode metadata, Findings findings) {
    if (Trees.at(metadata, "annotations") instanceof ObjectNode annotations) {
      long size = 0;
      for (Map.Entry<String, JsonNode> annotation : annotations.properties()) {
        String key = annotation.getKey();
        findings.problem(
            "metadata.annotations", key, Names.qualifiedName(key.toLowerCase(Locale.ROOT)));
        size += key.length() + annotation.getValue().asString().length();
      }
      if (size > ANNOTATIONS_BYTES) {
        findings.add(FieldError.tooLong("metadata.annotations", ANNOTATIONS_BYTES));
      }
    }
  }

  private static void owners(@Nullable JsonNode metadata, Findings findings) {
    int index = 0;
    boolean controlled = false;
    for (JsonNode owner : Trees.items(metadata, "ownerReferences")) {
      String path = "metadata.ownerReferences[" + index++ + "]";
      for (String field : new String[] {"apiVersion", "kind", "name", "uid"}) {
        if (Trees.text(owner, field).isEmpty()) {
          findings.add(FieldError.invalid(path + "." + field, "", field + " must not be empty"));
        }
      }
      if (Trees.flag(owner, "controller")) {
        if (controlled) {
          findings.add(
              FieldError.invalid(
                  "metadata.ownerReferences",
                  Trees.text(owner, "name"),
                  "Only one reference can have Controller set to true"));
        }
        controlled = true;
      }
    }
  }

  static void unchanged(ObjectNode object, ObjectNode old, Findings findings) {
    for (String field : new String[] {"name", "namespace", "uid", "creationTimestamp"}) {
      String now = Trees.text(object, "metadata", field);
      String before = Trees.text(old, "metadata", field);
      if (!now.equals(before) && !before.isEmpty() && !now.isEmpty()) {
        findings.add(FieldError.invalid("metadata." + field, now, "field is immutable"));
      }
    }
  }
}
