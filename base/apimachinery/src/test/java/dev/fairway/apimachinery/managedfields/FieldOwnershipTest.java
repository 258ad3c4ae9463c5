// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.managedfields;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.Kinds;
import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apimachinery.Yaml;
import dev.fairway.apimachinery.managedfields.FieldOwnership.Writer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Who owns what after writes of several. Expected trees are what a cluster of upstream's answers.
class FieldOwnershipTest {
  private static final Instant NOON = Instant.parse("2026-01-02T12:00:00Z");
  private static final Kind CONFIG_MAP = kind("", "v1", "ConfigMap");
  private static final Kind SERVICE = kind("", "v1", "Service");
  private static final Kind DEPLOYMENT = kind("apps", "v1", "Deployment");
  private static final Kind POD = kind("", "v1", "Pod");

  private static Kind kind(String group, String version, String name) {
    return requireNonNull(Kinds.builtin().byKind(group, version, name));
  }

  private static ObjectNode yaml(String text) {
    return (ObjectNode) Yaml.read(text.getBytes(StandardCharsets.UTF_8));
  }

  private static Writer by(String manager) {
    return new Writer(manager, "", NOON);
  }

  private static ObjectNode apply(
      Kind kind, @Nullable ObjectNode live, String manager, String applied) {
    return FieldOwnership.apply(kind, live, yaml(applied), by(manager), false);
  }

  private static ObjectNode update(
      Kind kind, @Nullable ObjectNode live, String manager, String wanted) {
    ObjectNode object = yaml(wanted);
    FieldOwnership.update(kind, live, object, by(manager));
    return object;
  }

  /// `MANAGER OPERATION FIELDS`, a line an entry.
  private static String owners(JsonNode object) {
    List<String> lines = new ArrayList<>();
    for (JsonNode entry : Trees.items(object, "metadata", "managedFields")) {
      lines.add(
          Trees.text(entry, "manager")
              + " "
              + Trees.text(entry, "operation")
              + " "
              + entry.get("fieldsV1"));
    }
    return String.join("\n", lines);
  }

  private static String bare(ObjectNode object) {
    ObjectNode copy = Trees.copy(object);
    Trees.child(copy, "metadata").remove("managedFields");
    return copy.toString();
  }

  @Test
  void whoCreatesOwnsAllButWhatIsTheServers() {
    ObjectNode made =
        update(
            CONFIG_MAP,
            null,
            "kubectl-create",
            """
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: a, namespace: default, uid: x, labels: {app: web}}
            data: {one: "1", two: "2"}
            """);
    assertThat(Trees.items(made, "metadata", "managedFields"))
        .hasToString(
            """
            [{"manager":"kubectl-create","operation":"Update","apiVersion":"v1",\
            "time":"2026-01-02T12:00:00Z","fieldsType":"FieldsV1","fieldsV1":\
            {"f:data":{".":{},"f:one":{},"f:two":{}},\
            "f:metadata":{"f:labels":{".":{},"f:app":{}}}}}]\
            """);
  }

  @Test
  void fieldsOfAPodAreNamedAsUpstreamNamesThem() {
    ObjectNode made =
        update(
            POD,
            null,
            "kubectl-run",
            """
            metadata: {labels: {run: web}}
            spec:
              containers:
              - {name: web, image: web:1, resources: {}, ports: [{containerPort: 80, protocol: TCP}]}
              restartPolicy: Always
              securityContext: {}
              tolerations: [{key: a, operator: Exists}]
              nodeSelector: {disk: fast}
            """);
    assertThat(owners(made))
        .isEqualTo(
            """
            kubectl-run Update {"f:metadata":{"f:labels":{".":{},"f:run":{}}},\
            "f:spec":{"f:containers":{"k:{\\"name\\":\\"web\\"}":{".":{},"f:image":{},"f:name":{},\
            "f:ports":{".":{},"k:{\\"containerPort\\":80,\\"protocol\\":\\"TCP\\"}":\
            {".":{},"f:containerPort":{},"f:protocol":{}}},"f:resources":{}}},\
            "f:nodeSelector":{},"f:restartPolicy":{},"f:securityContext":{},"f:tolerations":{}}}\
            """
                .replace("\"f:containers\":{", "\"f:containers\":{\".\":{},"));
  }

  @Test
  void whatIsAppliedIsOwnedAndWhatIsNotAnyMoreGoes() {
    ObjectNode first =
        apply(CONFIG_MAP, null, "team", "metadata: {name: a}\ndata: {one: '1', two: '2'}");
    assertThat(owners(first)).isEqualTo("team Apply {\"f:data\":{\"f:one\":{},\"f:two\":{}}}");
    ObjectNode second = apply(CONFIG_MAP, first, "team", "metadata: {name: a}\ndata: {two: '3'}");
    assertThat(bare(second)).isEqualTo("{\"metadata\":{\"name\":\"a\"},\"data\":{\"two\":\"3\"}}");
    assertThat(owners(second)).isEqualTo("team Apply {\"f:data\":{\"f:two\":{}}}");
    ObjectNode none = apply(CONFIG_MAP, second, "team", "metadata: {name: a}");
    assertThat(bare(none)).isEqualTo("{\"metadata\":{\"name\":\"a\"}}");
    assertThat(owners(none)).isEmpty();
  }

  @Test
  void whatOthersOwnTooStays() {
    ObjectNode live = apply(CONFIG_MAP, null, "a", "data: {one: '1', two: '2'}");
    live = apply(CONFIG_MAP, live, "b", "data: {one: '1'}");
    live = apply(CONFIG_MAP, live, "a", "data: {two: '2'}");
    assertThat(bare(live)).contains("\"data\":{\"one\":\"1\",\"two\":\"2\"}");
    live = apply(CONFIG_MAP, live, "b", "{}");
    assertThat(bare(live)).contains("\"data\":{\"two\":\"2\"}");
  }

  @Test
  void aFieldOfAnothersIsAConflict() {
    ObjectNode live = apply(CONFIG_MAP, null, "a", "data: {one: '1', two: '2'}");
    ObjectNode mine = live;
    assertThatExceptionOfType(StatusException.class)
        .isThrownBy(() -> apply(CONFIG_MAP, mine, "b", "data: {one: 'x', three: '3'}"))
        .withMessage("Apply failed with 1 conflict: conflict with \"a\": .data.one")
        .satisfies(e -> assertThat(e.code()).isEqualTo(409))
        .satisfies(e ->
            assertThat(e.status().path("details").path("causes"))
                .hasToString(
                    "[{\"reason\":\"FieldManagerConflict\",\"message\":\"conflict with"
                        + " \\\"a\\\"\",\"field\":\".data.one\"}]"));
    ObjectNode edited = Trees.copy(live);
    Trees.child(edited, "data").put("two", "edited");
    FieldOwnership.update(CONFIG_MAP, live, edited, by("kubectl-edit"));
    assertThat(owners(edited))
        .isEqualTo(
            """
            a Apply {"f:data":{"f:one":{}}}
            kubectl-edit Update {"f:data":{"f:two":{}}}\
            """);
    assertThatExceptionOfType(StatusException.class)
        .isThrownBy(() -> apply(CONFIG_MAP, edited, "b", "data: {one: 'x', two: 'y'}"))
        .withMessage(
            """
            Apply failed with 2 conflicts: conflicts with "a":
            - .data.one
            conflicts with "kubectl-edit" using v1 at 2026-01-02T12:00:00Z:
            - .data.two\
            """);
    ObjectNode forced =
        FieldOwnership.apply(CONFIG_MAP, edited, yaml("data: {one: 'x', two: 'y'}"), by("b"), true);
    assertThat(owners(forced)).isEqualTo("b Apply {\"f:data\":{\"f:one\":{},\"f:two\":{}}}");
    assertThat(bare(forced)).contains("{\"one\":\"x\",\"two\":\"y\"}");
  }

  @Test
  void listsWithKeysAreSharedItemByItem() {
    ObjectNode live =
        apply(
            SERVICE,
            null,
            "a",
            "spec: {ports: [{name: http, port: 80}, {name: dns, port: 53, protocol: UDP}]}");
    live = apply(SERVICE, live, "b", "spec: {ports: [{name: https, port: 443, protocol: TCP}]}");
    assertThat(bare(live))
        .contains(
            "[{\"name\":\"http\",\"port\":80},{\"name\":\"dns\",\"port\":53,\"protocol\":\"UDP\"},"
                + "{\"name\":\"https\",\"port\":443,\"protocol\":\"TCP\"}]");
    live = apply(SERVICE, live, "a", "spec: {ports: [{name: dns, port: 53, protocol: UDP}]}");
    assertThat(bare(live))
        .contains(
            "[{\"name\":\"dns\",\"port\":53,\"protocol\":\"UDP\"},"
                + "{\"name\":\"https\",\"port\":443,\"protocol\":\"TCP\"}]");
    ObjectNode last = live;
    assertThatExceptionOfType(StatusException.class)
        .isThrownBy(
            () -> apply(SERVICE, last, "b", "spec: {ports: [{port: 53, protocol: UDP, name: x}]}"))
        .withMessageContaining(".spec.ports[port=53,protocol=\"UDP\"].name");
    assertThatExceptionOfType(StatusException.class)
        .isThrownBy(() ->
            apply(SERVICE, last, "b", "spec: {ports: [{port: 53}, {port: 53, protocol: TCP}]}"))
        .withMessage(
            ".spec.ports[1]: there is an earlier item with the same key:"
                + " {\"port\":53,\"protocol\":\"TCP\"}");
    assertThatExceptionOfType(StatusException.class)
        .isThrownBy(() -> apply(SERVICE, last, "b", "spec: {ports: [{name: x}]}"))
        .withMessageStartingWith(
            ".spec.ports[0]: the item lacks a key of its list (port, protocol)");
  }

  @Test
  void atomicListsAndStructsHaveOneOwner() {
    ObjectNode live =
        apply(
            DEPLOYMENT,
            null,
            "a",
            "spec: {selector: {matchLabels: {app: web}}, template: {spec: {tolerations: [{key: x}]}}}");
    assertThat(owners(live))
        .isEqualTo(
            "a Apply {\"f:spec\":{\"f:selector\":{},\"f:template\":{\"f:spec\":{\"f:tolerations\":{}}}}}");
    assertThatExceptionOfType(StatusException.class)
        .isThrownBy(() -> apply(DEPLOYMENT, live, "b", "spec: {selector: {matchLabels: {b: c}}}"))
        .withMessage("Apply failed with 1 conflict: conflict with \"a\": .spec.selector");
  }

  @Test
  void statusIsOwnedThroughItsSubresourceOnly() {
    ObjectNode live = apply(DEPLOYMENT, null, "a", "spec: {replicas: 2}\nstatus: {replicas: 9}");
    assertThat(owners(live)).isEqualTo("a Apply {\"f:spec\":{\"f:replicas\":{}}}");
    ObjectNode reported = Trees.copy(live);
    Trees.child(reported, "status").put("replicas", 2);
    FieldOwnership.update(DEPLOYMENT, live, reported, new Writer("controller", "status", NOON));
    assertThat(owners(reported))
        .isEqualTo(
            """
            a Apply {"f:spec":{"f:replicas":{}}}
            controller Update {"f:status":{"f:replicas":{}}}\
            """);
  }

  @Test
  void anUnmanagedObjectIsItsFormersUntilApplied() {
    ObjectNode live = yaml("metadata: {name: a, labels: {x: y}}\ndata: {one: '1'}");
    ObjectNode applied = apply(CONFIG_MAP, live, "a", "data: {one: '1'}");
    assertThat(owners(applied))
        .isEqualTo(
            """
            a Apply {"f:data":{"f:one":{}}}
            before-first-apply Update {"f:data":{".":{},"f:one":{}},\
            "f:metadata":{"f:labels":{".":{},"f:x":{}}}}\
            """);
    assertThatExceptionOfType(StatusException.class)
        .isThrownBy(() -> apply(CONFIG_MAP, live, "a", "data: {one: '2'}"))
        .withMessageContaining("before-first-apply");
  }

  @Test
  void anUpdateOfAnUnmanagedObjectMakesNobodyItsOwner() {
    ObjectNode live = yaml("metadata: {name: a}\ndata: {one: '1'}");
    ObjectNode next = yaml("metadata: {name: a}\ndata: {one: '1', two: '2'}");
    FieldOwnership.update(CONFIG_MAP, live, next, by("b"));
    assertThat(owners(next)).isEmpty();
  }

  @Test
  void whatCannotBeToldApartInALiveListStays() {
    ObjectNode live =
        yaml(
            "spec: {template: {spec: {containers: [{name: c, env: [{name: A, value: '1'}, {name: A,"
                + " value: '2'}]}]}}}");
    ObjectNode after =
        apply(
            DEPLOYMENT,
            live,
            "a",
            "spec: {template: {spec: {containers: [{name: c, env: [{name: B, value: x}]}]}}}");
    assertThat(Trees.items(after.at("/spec/template/spec/containers/0"), "env"))
        .hasToString(
            "[{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"A\",\"value\":\"2\"},"
                + "{\"name\":\"B\",\"value\":\"x\"}]");
  }

  @Test
  void theSameAgainChangesNothing() {
    ObjectNode live = apply(CONFIG_MAP, null, "a", "data: {one: '1'}");
    ObjectNode again =
        FieldOwnership.apply(
            CONFIG_MAP,
            live,
            yaml("data: {one: '1'}"),
            new Writer("a", "", NOON.plusSeconds(60)),
            false);
    assertThat(again).isEqualTo(live);
    ObjectNode put = Trees.copy(live);
    FieldOwnership.update(CONFIG_MAP, live, put, new Writer("b", "", NOON.plusSeconds(60)));
    assertThat(put).isEqualTo(live);
  }

  @Test
  void clientsMayChangeAndResetTheEntries() {
    ObjectNode live = apply(CONFIG_MAP, null, "a", "data: {one: '1'}");
    ObjectNode reset = Trees.copy(live);
    Trees.child(reset, "metadata").putArray("managedFields").addObject();
    FieldOwnership.update(CONFIG_MAP, live, reset, by("b"));
    assertThat(owners(reset)).isEmpty();
    ObjectNode empty = Trees.copy(live);
    Trees.child(empty, "metadata").putArray("managedFields");
    FieldOwnership.update(CONFIG_MAP, live, empty, by("b"));
    assertThat(empty).isEqualTo(live);
    for (String broken :
        List.of(
            "[{\"manager\":\"x\"}]",
            "[{\"manager\":\"x\",\"operation\":\"Apply\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{\"q\":1}}]",
            "[{\"manager\":\"x\",\"operation\":\"Apply\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{\"k:7\":{}}}]")) {
      ObjectNode given = Trees.copy(live);
      Trees.child(given, "metadata")
          .set("managedFields", Trees.read(broken.getBytes(StandardCharsets.UTF_8)));
      FieldOwnership.update(CONFIG_MAP, live, given, by("b"));
      assertThat(given).isEqualTo(live);
    }
    ObjectNode applied = Trees.copy(live);
    assertThatExceptionOfType(StatusException.class)
        .isThrownBy(() -> FieldOwnership.apply(CONFIG_MAP, live, applied, by("c"), false))
        .withMessage("metadata.managedFields must be nil");
  }

  @Test
  void manyWritersAreJoined() {
    ObjectNode live = update(CONFIG_MAP, null, "w0", "data: {k0: 'v'}");
    for (int i = 1; i < 15; i++) {
      ObjectNode next = Trees.copy(live);
      Trees.child(next, "data").put("k" + i, "v");
      FieldOwnership.update(CONFIG_MAP, live, next, new Writer("w" + i, "", NOON.plusSeconds(i)));
      live = next;
    }
    List<String> lines = owners(live).lines().toList();
    assertThat(lines).hasSize(10);
    assertThat(lines.getFirst())
        .isEqualTo(
            "ancient-changes Update {\"f:data\":{\".\":{},\"f:k0\":{},\"f:k1\":{},\"f:k2\":{},"
                + "\"f:k3\":{},\"f:k4\":{},\"f:k5\":{}}}");
  }

  /// Whatever is applied, by whomever: it is there afterwards, every owner's fields exist, and the
  /// live object has no field twice.
  @Test
  void randomApplies() {
    Random random = new Random(7);
    for (int round = 0; round < 300; round++) {
      ObjectNode live = null;
      for (int step = 0; step < 8; step++) {
        String manager = "m" + random.nextInt(3);
        ObjectNode applied = randomService(random);
        live =
            random.nextInt(4) == 0
                ? updated(live, applied, manager)
                : FieldOwnership.apply(SERVICE, live, applied, by(manager), true);
        FieldType type = FieldType.of(SERVICE.schema());
        OwnedFields.requireKeys(type, live, "");
        FieldSet all = OwnedFields.withNamed(type, OwnedFields.of(type, live));
        assertThat(OwnedFields.of(type, applied).difference(all).paths()).isEmpty();
        for (ManagedFields.Entry entry : ManagedFields.read(live)) {
          FieldSet there = entry.fields().difference(all);
          assertThat(there.paths())
              .allMatch(path -> path.matches("\\.(spec|metadata)\\.(ports|labels)"));
        }
      }
    }
  }

  private static ObjectNode updated(@Nullable ObjectNode live, ObjectNode wanted, String manager) {
    ObjectNode next = Trees.copy(wanted);
    FieldOwnership.update(SERVICE, live, next, by(manager));
    return next;
  }

  private static ObjectNode randomService(Random random) {
    ObjectNode service = Trees.object();
    ObjectNode metadata = Trees.child(service, "metadata");
    for (String label : List.of("a", "b", "c")) {
      if (random.nextBoolean()) {
        Trees.child(metadata, "labels").put(label, "v" + random.nextInt(2));
      }
    }
    if (random.nextBoolean()) {
      var ports = Trees.child(service, "spec").putArray("ports");
      List<Integer> numbers = new ArrayList<>(List.of(1, 2, 3, 4));
      java.util.Collections.shuffle(numbers, random);
      for (int port : numbers.subList(0, 1 + random.nextInt(4))) {
        ObjectNode one = ports.addObject().put("port", port).put("name", "n" + random.nextInt(3));
        if (random.nextBoolean()) {
          one.put("protocol", "TCP");
        }
      }
    }
    if (random.nextBoolean()) {
      Trees.child(Trees.child(service, "spec"), "selector").put("x", "v" + random.nextInt(2));
    }
    return service;
  }
}
