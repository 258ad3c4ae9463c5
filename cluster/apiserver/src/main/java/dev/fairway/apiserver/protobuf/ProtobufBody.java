// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.protobuf;

import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Times;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.protobuf.WireTable.Field;
import dev.fairway.schemas.Schema;
import dev.fairway.schemas.Schemas;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.BinaryNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Turns a body in the Kubernetes protobuf form into JSON.
///
/// The form is the four bytes `k8s\0` and a `runtime.Unknown` that wraps the object. Two things of
/// Go's types do not show on the wire and are mended here: embedded structs are messages of their
/// own (recognized by the schema not knowing their field) and are put back in line; and fields that
/// are not pointers are always sent, so empty texts, zeros and false are dropped unless the field
/// is one of those where they mean something.
public final class ProtobufBody {
  /// The media type.
  public static final String MEDIA_TYPE = "application/vnd.kubernetes.protobuf";

  private static final byte[] MAGIC = {'k', '8', 's', 0};
  private static final int MAX_DEPTH = 64;
  private static final String META = "io.k8s.apimachinery.pkg.apis.meta.v1.";
  private static final String RUNTIME = "io.k8s.apimachinery.pkg.runtime.";

  /// Pointers in Go, where absent is not the same as zero, false or empty.
  private static final Set<String> MEANINGFUL =
      Set.of(
          "activeDeadlineSeconds",
          "allocateLoadBalancerNodePorts",
          "allowPrivilegeEscalation",
          "automountServiceAccountToken",
          "averageUtilization",
          "backoffLimit",
          "blockOwnerDeletion",
          "completions",
          "controller",
          "defaultMode",
          "deletionGracePeriodSeconds",
          "enableServiceLinks",
          "expirationSeconds",
          "exitCode",
          "failedJobsHistoryLimit",
          "fsGroup",
          "gracePeriodSeconds",
          "hostUsers",
          "immutable",
          "minReplicas",
          "mode",
          "optional",
          "parallelism",
          "partition",
          "preemptionPolicy",
          "privileged",
          "procMount",
          "readOnlyRootFilesystem",
          "replicas",
          "revisionHistoryLimit",
          "runAsGroup",
          "runAsNonRoot",
          "runAsUser",
          "serving",
          "ready",
          "setHostnameAsFQDN",
          "shareProcessNamespace",
          "startingDeadlineSeconds",
          "storageClassName",
          "successfulJobsHistoryLimit",
          "suspend",
          "terminating",
          "terminationGracePeriodSeconds",
          "tolerationSeconds",
          "ttlSecondsAfterFinished",
          "value");

  private ProtobufBody() {}

  /// The body as JSON.
  ///
  /// @throws StatusException 400 if it is broken, 415 if the kind has no protobuf form here
  public static byte[] toJson(byte[] body) {
    if (body.length < MAGIC.length || !Arrays.equals(body, 0, 4, MAGIC, 0, 4)) {
      throw WireReader.broken("does not begin with \"k8s\\0\"");
    }
    ObjectNode unknown =
        message(RUNTIME + "Unknown", new WireReader(body, MAGIC.length, body.length), 0);
    String apiVersion = Trees.text(unknown, "typeMeta", "apiVersion");
    String kind = Trees.text(unknown, "typeMeta", "kind");
    JsonNode raw = unknown.get("raw");
    byte[] inner = raw == null ? new byte[0] : raw.binaryValue();
    ObjectNode object =
        message(definition(apiVersion, kind), new WireReader(inner, 0, inner.length), 0);
    object.put("apiVersion", apiVersion);
    object.put("kind", kind);
    return Trees.write(object);
  }

  private static String definition(String apiVersion, String kind) {
    if (kind.endsWith("Options") && WireTable.builtin().message(META + kind) != null) {
      return META + kind;
    }
    int slash = apiVersion.indexOf('/');
    String group = slash < 0 ? "core" : apiVersion.substring(0, slash);
    int dot = group.indexOf('.');
    String definition =
        "io.k8s.api."
            + (dot < 0 ? group : group.substring(0, dot))
            + "."
            + apiVersion.substring(slash + 1)
            + "."
            + kind;
    if (WireTable.builtin().message(definition) == null) {
      throw StatusException.unsupportedMediaType(
          "no protobuf form of " + kind + " in " + apiVersion + " is known, send JSON");
    }
    return definition;
  }

  private static ObjectNode message(String definition, WireReader in, int depth) {
    if (depth > MAX_DEPTH) {
      throw WireReader.broken("is nested too deeply");
    }
    Map<Integer, Field> fields = WireTable.builtin().message(definition);
    Schema.Struct schema = Schemas.builtin().definition(definition);
    ObjectNode object = Trees.object();
    while (!in.atEnd()) {
      long tag = in.varint();
      int wireType = (int) (tag & 7);
      Field field = fields == null ? null : fields.get((int) (tag >>> 3));
      if (field == null) {
        in.skip(wireType);
        continue;
      }
      read(object, schema, field, wireType, in, depth);
    }
    return object;
  }

  private static void read(
      ObjectNode object,
      Schema.@Nullable Struct schema,
      Field field,
      int wireType,
      WireReader in,
      int depth) {
    switch (field.shape()) {
      case MAP -> entry(object, field, in.message(), depth);
      case LIST -> {
        ArrayNode list =
            object.get(field.name()) instanceof ArrayNode known
                ? known
                : object.putArray(field.name());
        JsonNode item = value(field.type(), wireType, in, depth);
        if (item != null) {
          list.add(item);
        }
      }
      case ONE -> {
        JsonNode value = value(field.type(), wireType, in, depth);
        if (value == null || isUnset(field, value)) {
          return;
        }
        boolean embedded =
            schema != null && schema.field(field.name()) == null && field.isMessage();
        if (embedded && value instanceof ObjectNode inner) {
          object.setAll(inner);
        } else {
          object.set(field.name(), value);
        }
      }
    }
  }

  private static boolean isUnset(Field field, JsonNode value) {
    if (MEANINGFUL.contains(field.name())) {
      return false;
    }
    return switch (field.type()) {
      case "string" -> value.asString().isEmpty();
      case "int" -> value.asLong() == 0;
      case "bool" -> !value.asBoolean();
      default -> false;
    };
  }

  private static void entry(ObjectNode object, Field field, WireReader in, int depth) {
    String key = "";
    JsonNode value = null;
    while (!in.atEnd()) {
      long tag = in.varint();
      switch ((int) (tag >>> 3)) {
        case 1 -> key = in.text();
        case 2 -> value = value(field.type(), (int) (tag & 7), in, depth);
        default -> in.skip((int) (tag & 7));
      }
    }
    ObjectNode map = Trees.child(object, field.name());
    map.set(key, value == null ? JsonNodeFactory.instance.stringNode("") : value);
  }

  private static @Nullable JsonNode value(String type, int wireType, WireReader in, int depth) {
    JsonNodeFactory make = JsonNodeFactory.instance;
    int expected =
        switch (type) {
          case "int", "bool" -> 0;
          case "double" -> 1;
          case "float" -> 5;
          default -> 2;
        };
    if (wireType != expected) {
      throw WireReader.broken("has a " + type + " of wire type " + wireType);
    }
    return switch (type) {
      case "string" -> make.stringNode(in.text());
      case "bytes" -> BinaryNode.valueOf(in.raw());
      case "int" -> make.numberNode(in.varint());
      case "bool" -> make.booleanNode(in.varint() != 0);
      case "double" -> make.numberNode(Double.longBitsToDouble(in.fixed(8)));
      case "float" -> make.numberNode(Float.intBitsToFloat((int) in.fixed(4)));
      default -> special(type, message(type, in.message(), depth + 1));
    };
  }

  /// Messages that are not objects in JSON.
  private static @Nullable JsonNode special(String type, ObjectNode message) {
    JsonNodeFactory make = JsonNodeFactory.instance;
    return switch (type) {
      case META + "Time", META + "MicroTime" -> time(type, message);
      case META + "Duration" -> make.stringNode(Trees.number(message, 0, "duration") + "ns");
      case META + "FieldsV1" -> null;
      case RUNTIME + "RawExtension" -> {
        JsonNode raw = message.get("raw");
        yield raw == null || raw.binaryValue().length == 0 ? null : Trees.read(raw.binaryValue());
      }
      case "io.k8s.apimachinery.pkg.api.resource.Quantity" ->
          make.stringNode(Trees.text(message, "string"));
      case "io.k8s.apimachinery.pkg.util.intstr.IntOrString" ->
          Trees.number(message, 0, "type") == 0
              ? make.numberNode(Trees.number(message, 0, "intVal"))
              : make.stringNode(Trees.text(message, "strVal"));
      default -> {
        // A named list, such as the values of a user's extra.
        boolean list =
            Schemas.builtin().definition(type) == null
                && (type.endsWith(".ExtraValue") || type.endsWith(".Verbs"));
        JsonNode items = message.get("items");
        yield list ? (items == null ? Trees.array() : items) : message;
      }
    };
  }

  private static @Nullable JsonNode time(String type, ObjectNode message) {
    long seconds = Trees.number(message, 0, "seconds");
    if (seconds == 0) {
      return null;
    }
    try {
      Instant instant = Instant.ofEpochSecond(seconds, Trees.number(message, 0, "nanos"));
      return JsonNodeFactory.instance.stringNode(
          type.endsWith("MicroTime") ? Times.rfc3339Micro(instant) : Times.rfc3339(instant));
    } catch (DateTimeException | ArithmeticException _) {
      throw WireReader.broken("has a time outside the calendar");
    }
  }
}
