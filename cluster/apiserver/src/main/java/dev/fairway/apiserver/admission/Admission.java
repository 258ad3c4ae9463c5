// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.auth.Identity;
import dev.fairway.apiserver.registry.Warnings;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// A write on its way to the store. Steps change [#object] in place, or reject by throwing.
public final class Admission {
  /// What is done to the object.
  public enum Operation {
    CREATE,
    UPDATE,
    DELETE
  }

  /// Who asks, and how.
  ///
  /// @param subresource empty for the object itself
  /// @param warnings where steps put what the client is to hear
  public record Request(Identity identity, String subresource, boolean dryRun, Warnings warnings) {}

  private final Operation operation;
  private final Kind kind;
  private final String namespace;
  private final ObjectNode object;
  private final @Nullable ObjectNode old;
  private final Request request;
  private final Rounds rounds = new Rounds();
  private final List<Runnable> undo = new ArrayList<>();
  private final List<Runnable> onStored = new ArrayList<>();

  private Admission(
      Operation operation,
      Kind kind,
      String namespace,
      ObjectNode object,
      @Nullable ObjectNode old,
      Request request) {
    this.operation = operation;
    this.kind = kind;
    this.namespace = namespace;
    this.object = object;
    this.old = old;
    this.request = request;
  }

  public static Admission create(Kind kind, String namespace, ObjectNode object, Request request) {
    return new Admission(Operation.CREATE, kind, namespace, object, null, request);
  }

  public static Admission update(
      Kind kind, String namespace, ObjectNode object, ObjectNode old, Request request) {
    return new Admission(Operation.UPDATE, kind, namespace, object, old, request);
  }

  public static Admission delete(Kind kind, String namespace, ObjectNode old, Request request) {
    return new Admission(Operation.DELETE, kind, namespace, old, old, request);
  }

  public Operation operation() {
    return operation;
  }

  public Kind kind() {
    return kind;
  }

  /// Empty for cluster-scoped objects.
  public String namespace() {
    return namespace;
  }

  /// The wanted state; the one that goes, for a delete.
  public ObjectNode object() {
    return object;
  }

  /// The stored state an update or delete is about, null for a create.
  public @Nullable ObjectNode old() {
    return old;
  }

  public Identity identity() {
    return request.identity();
  }

  String subresource() {
    return request.subresource();
  }

  /// Nothing is kept of it: steps must not have lasting effects.
  boolean dryRun() {
    return request.dryRun();
  }

  /// Tells the client something beside the answer.
  void warn(String text) {
    request.warnings().add(text);
  }

  /// What the webhooks of this write have done so far.
  Rounds rounds() {
    return rounds;
  }

  /// Replaces the object by what somebody outside has made of it; what identifies it stays.
  void become(ObjectNode changed) {
    ObjectNode before = object.deepCopy();
    object.removeAll();
    object.setAll(changed);
    ObjectNode metadata = Trees.child(object, "metadata");
    for (String field :
        List.of("name", "namespace", "uid", "creationTimestamp", "resourceVersion")) {
      JsonNode value = Trees.at(before, "metadata", field);
      if (value == null) {
        metadata.remove(field);
      } else {
        metadata.set(field, value);
      }
    }
  }

  boolean creates(String group, String kindName) {
    return operation == Operation.CREATE && kind.is(group, kindName);
  }

  String name() {
    return Trees.text(object, "metadata", "name");
  }

  StatusException forbidden(String why) {
    return StatusException.forbidden(kind, name(), why);
  }

  /// Runs if the object is not stored after all.
  void undo(Runnable action) {
    undo.add(action);
  }

  /// Runs once the object is stored.
  void onStored(Runnable action) {
    onStored.add(action);
  }

  /// The object is stored.
  public void stored() {
    undo.clear();
    onStored.forEach(Runnable::run);
    onStored.clear();
  }

  /// The object was not stored; takes back what steps reserved. Without effect after [#stored].
  public void abandon() {
    for (Runnable action : undo.reversed()) {
      action.run();
    }
    undo.clear();
  }
}
