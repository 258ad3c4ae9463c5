// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.registry;

import dev.fairway.apimachinery.Defaults;
import dev.fairway.apimachinery.FieldError;
import dev.fairway.apimachinery.GeneratedNames;
import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.Kinds;
import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Times;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apimachinery.managedfields.FieldOwnership;
import dev.fairway.apimachinery.managedfields.FieldOwnership.Writer;
import dev.fairway.apimachinery.validation.Validator;
import dev.fairway.apiserver.admission.Admission;
import dev.fairway.apiserver.admission.AdmissionChain;
import dev.fairway.apiserver.auth.Identity;
import dev.fairway.store.Entry;
import dev.fairway.store.KeyExists;
import dev.fairway.store.RevisionMismatch;
import dev.fairway.store.Store;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Reads and writes objects of every kind.
public final class Registry implements Lookup {
  private static final int MAX_TRIES = 16;
  private static final Set<String> LASTING_NAMESPACES =
      Set.of("default", "kube-system", "kube-public");
  private static final String MODIFIED =
      "the object has been modified; please apply your changes to the latest version and try again";

  private final Store store;
  private final Clock clock;
  private final AdmissionChain admission;

  /// An object after a write.
  ///
  /// @param entry as stored; for a dry run as it would have been
  /// @param created whether it is new
  public record Written(Entry entry, boolean created) {}

  /// What part of an object an update changes.
  public enum Part {
    /// Everything but the status.
    SPEC,
    STATUS,
    /// Both, for kinds without a status of their own and for subresources that mix.
    WHOLE
  }

  public Registry(Store store, Clock clock, Function<Lookup, AdmissionChain> admission) {
    this.store = store;
    this.clock = clock;
    this.admission = admission.apply(this);
  }

  public Entry get(Kind kind, String namespace, String name) {
    Entry entry = store.get(kind.key(namespace, name));
    if (entry == null) {
      throw StatusException.notFound(kind, name);
    }
    return entry;
  }

  @Override
  public @Nullable ObjectNode get(String group, String kindName, String namespace, String name) {
    Kind kind = builtin(group, kindName);
    Entry entry = store.get(kind.key(namespace, name));
    return entry == null ? null : StoredForm.tree(kind, entry);
  }

  @Override
  public List<ObjectNode> all(String group, String kindName) {
    return in(group, kindName, "");
  }

  @Override
  public List<ObjectNode> in(String group, String kindName, String namespace) {
    Kind kind = builtin(group, kindName);
    List<ObjectNode> found = new ArrayList<>();
    for (Entry entry : store.list(kind.keyPrefix(namespace), null, 0, 0).entries()) {
      found.add(StoredForm.tree(kind, entry));
    }
    return found;
  }

  /// A built-in kind in its preferred version.
  public static Kind builtin(String group, String kindName) {
    for (String version : Kinds.builtin().versions(group)) {
      Kind kind = Kinds.builtin().byKind(group, version, kindName);
      if (kind != null) {
        return kind;
      }
    }
    throw new IllegalArgumentException("no kind " + kindName + " in group \"" + group + "\"");
  }

  /// A page of a list, see [Listing].
  public Listing list(Selection selection, int limit, String token, long atRevision) {
    return Listing.read(store, selection, limit, token, atRevision);
  }

  /// Stores a new object. Its kind and fields must have been checked by [Decoder]; it is changed.
  public Written create(Kind kind, String namespace, ObjectNode object, WriteOptions options) {
    ObjectNode metadata = Trees.child(object, "metadata");
    placeInNamespace(kind, namespace, metadata);
    if (!Trees.text(metadata, "resourceVersion").isEmpty()) {
      throw StatusException.badRequest(
          "resourceVersion should not be set on objects to be created");
    }
    String generateName = Trees.text(metadata, "generateName");
    boolean generated = Trees.text(metadata, "name").isEmpty() && !generateName.isEmpty();
    Initial.prepare(kind, object);
    metadata.put("uid", UUID.randomUUID().toString());
    metadata.put("creationTimestamp", Times.rfc3339(clock.instant()));
    for (String field : List.of("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink")) {
      metadata.remove(field);
    }
    if (generated) {
      metadata.put("name", GeneratedNames.from(generateName));
    }
    JobSelector.generate(kind, object);
    Admission write = Admission.create(kind, namespace, object, options.admission());
    try {
      Defaults.apply(kind, object);
      note(kind, null, object, options);
      admission.change(write);
      Defaults.apply(kind, object);
      Initial.complete(kind, object);
      String name = Trees.text(metadata, "name");
      reject(kind, name, Validator.create(kind, object));
      admission.judge(write);
      Entry entry = insert(kind, namespace, object, generated ? generateName : "", options);
      if (!options.dryRun()) {
        write.stored();
      }
      return new Written(entry, true);
    } finally {
      write.abandon();
    }
  }

  private Entry insert(
      Kind kind, String namespace, ObjectNode object, String generateName, WriteOptions options) {
    ObjectNode metadata = Trees.child(object, "metadata");
    for (int attempt = 0; ; attempt++) {
      String name = Trees.text(metadata, "name");
      String key = kind.key(namespace, name);
      byte[] value = StoredForm.encode(kind, object);
      if (options.dryRun()) {
        if (store.get(key) != null) {
          throw StatusException.alreadyExists(kind, name);
        }
        return new Entry(key, value, 0, 0);
      }
      try {
        long revision = store.create(key, value);
        return new Entry(key, value, revision, revision);
      } catch (KeyExists _) {
        if (generateName.isEmpty() || attempt >= MAX_TRIES) {
          throw StatusException.alreadyExists(kind, name);
        }
        metadata.put("name", GeneratedNames.from(generateName));
      }
    }
  }

  /// Notes who owns the fields that differ. An apply has done so itself.
  private void note(Kind kind, @Nullable ObjectNode old, ObjectNode wanted, WriteOptions options) {
    options.writer(clock).ifPresent(writer -> FieldOwnership.update(kind, old, wanted, writer));
  }

  /// Makes a writer the owner of the fields it names, in the object of that name or a new one, and
  /// gives up those it named the last time only.
  ///
  /// @param mayCreate throws if the writer may not
  /// @param force takes fields from other owners; otherwise that is a conflict
  public Written apply(
      Kind kind,
      String namespace,
      String name,
      Part part,
      WriteOptions options,
      ObjectNode applied,
      boolean force,
      Runnable mayCreate) {
    Writer writer = options.writer(clock).orElseThrow();
    WriteOptions owned = options.unmanaged();
    for (int attempt = 0; ; attempt++) {
      try {
        return update(
            kind,
            namespace,
            name,
            part,
            owned,
            live -> FieldOwnership.apply(kind, live, applied, writer, force));
      } catch (StatusException absent) {
        boolean creates = absent.code() == 404 && part != Part.STATUS;
        if (!creates || attempt >= MAX_TRIES) {
          throw absent;
        }
      }
      mayCreate.run();
      ObjectNode made = FieldOwnership.apply(kind, null, applied, writer, force);
      requireNew(kind, name, made);
      try {
        return create(kind, namespace, made, owned);
      } catch (StatusException raced) {
        if (raced.code() != 409 || !raced.reason().equals("AlreadyExists")) {
          throw raced;
        }
      }
    }
  }

  private static void requireNew(Kind kind, String name, ObjectNode object) {
    ObjectNode metadata = Trees.child(object, "metadata");
    requireName(name, metadata);
    if (!Trees.text(metadata, "resourceVersion").isEmpty()
        || !Trees.text(metadata, "uid").isEmpty()) {
      throw StatusException.conflict(kind, name, MODIFIED);
    }
  }

  private static void placeInNamespace(Kind kind, String namespace, ObjectNode metadata) {
    String own = Trees.text(metadata, "namespace");
    if (!kind.namespaced()) {
      metadata.remove("namespace");
    } else if (own.isEmpty()) {
      metadata.put("namespace", namespace);
    } else if (!own.equals(namespace)) {
      throw StatusException.badRequest(
          "the namespace of the provided object does not match the namespace sent on the request");
    }
  }

  private static void reject(Kind kind, String name, List<FieldError> errors) {
    if (!errors.isEmpty()) {
      throw StatusException.invalid(kind, name, errors);
    }
  }

  /// Changes a stored object. `change` gets a copy of the stored state, resourceVersion included,
  /// and answers the wanted state; it runs again when another writer was faster, unless the wanted
  /// state names the resourceVersion it was made for.
  public Written update(
      Kind kind,
      String namespace,
      String name,
      Part part,
      WriteOptions options,
      Function<ObjectNode, ObjectNode> change) {
    for (int attempt = 0; ; attempt++) {
      Entry entry = get(kind, namespace, name);
      ObjectNode old = StoredForm.tree(kind, entry);
      ObjectNode wanted = change.apply(Trees.copy(old));
      checkIdentity(kind, namespace, name, wanted, old);
      Admission write = Admission.update(kind, namespace, wanted, old, options.admission());
      try {
        Updates.carryOver(kind, part, wanted, old);
        Defaults.apply(kind, wanted);
        note(kind, old, wanted, options);
        admission.change(write);
        Updates.countGeneration(wanted, old);
        reject(
            kind,
            name,
            part == Part.STATUS
                ? Validator.status(kind, wanted, old)
                : Validator.update(kind, wanted, old));
        admission.judge(write);
        Entry stored = replace(kind, entry, old, wanted, options);
        if (!options.dryRun()) {
          write.stored();
          admission.changed(kind, old, Updates.isGone(kind, wanted) ? null : wanted);
        }
        return new Written(stored, false);
      } catch (RevisionMismatch mismatch) {
        if (mismatch.actual() == null) {
          throw StatusException.notFound(kind, name);
        }
        if (attempt >= MAX_TRIES) {
          throw StatusException.conflict(kind, name, MODIFIED);
        }
      } finally {
        write.abandon();
      }
    }
  }

  private Entry replace(
      Kind kind, Entry entry, ObjectNode old, ObjectNode wanted, WriteOptions options) {
    byte[] value = StoredForm.encode(kind, wanted);
    if (!store.isStale(entry.key()) && isSame(kind, entry.value(), value, old, wanted)) {
      return entry;
    }
    if (options.dryRun()) {
      return new Entry(entry.key(), value, entry.createRevision(), entry.modRevision());
    }
    if (Updates.isGone(kind, wanted)) {
      long revision = store.delete(entry.key(), entry.modRevision());
      return new Entry(entry.key(), value, entry.createRevision(), revision);
    }
    long revision = store.update(entry.key(), value, entry.modRevision());
    return new Entry(entry.key(), value, entry.createRevision(), revision);
  }

  private static boolean isSame(
      Kind kind, byte[] stored, byte[] value, ObjectNode old, ObjectNode wanted) {
    return Arrays.equals(stored, value)
        || (stored.length == value.length
            && Arrays.equals(
                StoredForm.encode(kind, FieldOwnership.withoutTimes(old)),
                StoredForm.encode(kind, FieldOwnership.withoutTimes(wanted))));
  }

  private static void checkIdentity(
      Kind kind, String namespace, String name, ObjectNode wanted, ObjectNode old) {
    ObjectNode metadata = Trees.child(wanted, "metadata");
    placeInNamespace(kind, namespace, metadata);
    requireName(name, metadata);
    String revision = Trees.text(metadata, "resourceVersion");
    if (!revision.isEmpty()
        && !revision.equals("0")
        && !revision.equals(Trees.text(old, "metadata", "resourceVersion"))) {
      throw StatusException.conflict(kind, name, MODIFIED);
    }
    String uid = Trees.text(metadata, "uid");
    String oldUid = Trees.text(old, "metadata", "uid");
    if (!uid.isEmpty() && !uid.equals(oldUid)) {
      throw StatusException.conflict(
          kind,
          name,
          "Precondition failed: UID in precondition: " + uid + ", UID in object meta: " + oldUid);
    }
  }

  private static void requireName(String name, ObjectNode metadata) {
    String ownName = Trees.text(metadata, "name");
    if (ownName.isEmpty()) {
      metadata.put("name", name);
    } else if (!ownName.equals(name)) {
      throw StatusException.badRequest(
          "the name of the object ("
              + ownName
              + ") does not match the name on the URL ("
              + name
              + ")");
    }
  }

  /// Deletes an object, or starts to.
  ///
  /// @return the last state, and whether it is gone already
  public Deleted delete(
      Kind kind, String namespace, String name, DeleteOptions options, Admission.Request request) {
    return delete(kind, namespace, name, options, admission, request);
  }

  /// What the server itself removes, asking nobody.
  void expire(Kind kind, String namespace, String name, DeleteOptions options) {
    Admission.Request request = new Admission.Request(Identity.SERVER, "", false, new Warnings());
    delete(kind, namespace, name, options, AdmissionChain.none(), request);
  }

  private Deleted delete(
      Kind kind,
      String namespace,
      String name,
      DeleteOptions options,
      AdmissionChain rules,
      Admission.Request request) {
    if (kind.is("", "Namespace") && LASTING_NAMESPACES.contains(name)) {
      throw StatusException.forbidden(kind, name, "this namespace may not be deleted");
    }
    for (int attempt = 0; ; attempt++) {
      Entry entry = get(kind, namespace, name);
      ObjectNode object = StoredForm.tree(kind, entry);
      checkPreconditions(kind, name, object, options);
      ObjectNode before = Trees.copy(object);
      Admission removal = Admission.delete(kind, namespace, before, request);
      rules.change(removal);
      rules.judge(removal);
      boolean gone = Deletion.mark(kind, object, options, clock.instant());
      try {
        if (options.dryRun()) {
          return new Deleted(entry, object, gone);
        }
        if (gone) {
          long revision = store.delete(entry.key(), entry.modRevision());
          admission.changed(kind, before, null);
          return new Deleted(
              new Entry(entry.key(), entry.value(), entry.createRevision(), revision),
              object,
              true);
        }
        if (object.equals(before)) {
          return new Deleted(entry, object, false);
        }
        byte[] value = StoredForm.encode(kind, object);
        long revision = store.update(entry.key(), value, entry.modRevision());
        return new Deleted(
            new Entry(entry.key(), value, entry.createRevision(), revision), object, false);
      } catch (RevisionMismatch mismatch) {
        if (mismatch.actual() == null) {
          throw StatusException.notFound(kind, name);
        }
        if (attempt >= MAX_TRIES) {
          throw StatusException.conflict(kind, name, MODIFIED);
        }
      }
    }
  }

  /// What a delete left.
  ///
  /// @param gone false if it waits for a grace period or finalizers
  public record Deleted(Entry entry, ObjectNode object, boolean gone) {}

  private static void checkPreconditions(
      Kind kind, String name, JsonNode object, DeleteOptions options) {
    String uid = Trees.text(object, "metadata", "uid");
    if (!options.uid().isEmpty() && !options.uid().equals(uid)) {
      throw StatusException.conflict(
          kind,
          name,
          "Precondition failed: UID in precondition: "
              + options.uid()
              + ", UID in object meta: "
              + uid);
    }
    String revision = Trees.text(object, "metadata", "resourceVersion");
    if (!options.resourceVersion().isEmpty() && !options.resourceVersion().equals(revision)) {
      throw StatusException.conflict(
          kind,
          name,
          "Precondition failed: ResourceVersion in precondition: "
              + options.resourceVersion()
              + ", ResourceVersion in object meta: "
              + revision);
    }
  }

  /// The rules that writes pass, by their names and in their order.
  public List<String> rules() {
    return admission.names();
  }

  /// The store, for watches.
  public Store store() {
    return store;
  }
}
