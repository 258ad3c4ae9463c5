// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store.encryption;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.store.EmbeddedStore;
import dev.fairway.store.StoreConfig;
import dev.fairway.store.StoreUnavailable;
import dev.fairway.store.Transformer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Objects;
import java.util.Random;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class EncryptionTest {
  private static final String KEY = "/registry/secrets/default/x";
  private static final byte[] VALUE = "swordfish ".repeat(20).getBytes(UTF_8);

  @TempDir Path directory;

  private static String secret(int fill) {
    byte[] bytes = new byte[32];
    java.util.Arrays.fill(bytes, (byte) fill);
    return Base64.getEncoder().encodeToString(bytes);
  }

  private static String provider(String name, int... keys) {
    StringBuilder text = new StringBuilder("  - " + name + ":\n      keys:\n");
    for (int key : keys) {
      text.append("      - {name: key" + key + ", secret: " + secret(key) + "}\n");
    }
    return text.toString();
  }

  private static Transformer read(String... providers) {
    return EncryptionConfiguration.read(
        """
        apiVersion: apiserver.config.k8s.io/v1
        kind: EncryptionConfiguration
        resources:
        - resources: [secrets]
          providers:
        """
            + String.join("", providers),
        EncryptionTest::keyPrefix);
  }

  private static @Nullable String keyPrefix(String resource) {
    return resource.equals("secrets") ? "/registry/secrets/" : null;
  }

  private static String stored(Transformer transformer) {
    return new String(transformer.toStorage(KEY, VALUE), ISO_8859_1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"aescbc", "aesgcm", "secretbox"})
  void comesBackAndShowsNothing(String provider) throws Exception {
    Transformer transformer = read(provider(provider, 1), "  - identity: {}\n");
    byte[] sealed = transformer.toStorage(KEY, VALUE);
    assertThat(new String(sealed, ISO_8859_1))
        .startsWith("k8s:enc:" + provider + ":v1:key1:")
        .doesNotContain("swordfish");
    assertThat(transformer.toStorage(KEY, VALUE)).isNotEqualTo(sealed);
    assertThat(transformer.fromStorage(KEY, sealed).value()).isEqualTo(VALUE);
    assertThat(transformer.fromStorage(KEY, sealed).stale()).isFalse();
    assertThat(transformer.toStorage("/registry/pods/x", VALUE)).isSameAs(VALUE);
  }

  @Test
  void anotherKeyOrProviderFirstMakesStaleWhatWasWritten() throws Exception {
    byte[] old = read(provider("aescbc", 1)).toStorage(KEY, VALUE);
    Transformer rotated = read(provider("secretbox", 2), provider("aescbc", 1));
    Transformer.Plain plain = rotated.fromStorage(KEY, old);
    assertThat(plain.value()).isEqualTo(VALUE);
    assertThat(plain.stale()).isTrue();
    assertThat(stored(rotated)).startsWith("k8s:enc:secretbox:v1:key2:");

    Transformer decrypting = read("  - identity: {}\n", provider("aescbc", 1));
    assertThat(decrypting.fromStorage(KEY, old).stale()).isTrue();
    assertThat(decrypting.fromStorage(KEY, VALUE).stale()).isFalse();
    Transformer beginning = read(provider("aescbc", 1), "  - identity: {}\n");
    assertThat(beginning.fromStorage(KEY, VALUE).stale()).isTrue();
  }

  /// The example of NaCl's own tests (tests/secretbox.c), so that other implementations read ours.
  @Test
  void secretboxIsNaCls() throws Exception {
    HexFormat hex = HexFormat.of();
    byte[] key = hex.parseHex("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389");
    String nonce = "69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37";
    String tagAndText =
        "f3ffc7703f9400e52a7dfb4b3d3305d9"
            + "8e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186a"
            + "c0dfc17c98dce87b4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738"
            + "b48eeee314a7cc8ab932164548e526ae90224368517acfeabd6bb3732bc0e9da"
            + "99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74"
            + "e355a5";
    String text =
        "be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffc"
            + "e5ecbaaf33bd751a1ac728d45e6c61296cdc3c01233561f41db66cce314adb31"
            + "0e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde"
            + "048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f93776384864"
            + "5e0705";
    Provider box = new Provider.SecretBox("", new SecretKeySpec(key, "XSalsa20"));
    assertThat(hex.formatHex(box.decrypt("", hex.parseHex(nonce + tagAndText)))).isEqualTo(text);
  }

  @ParameterizedTest
  @ValueSource(strings = {"aesgcm", "secretbox"})
  void aChangedByteIsNoticed(String provider) {
    Transformer transformer = read(provider(provider, 1));
    byte[] sealed = transformer.toStorage(KEY, VALUE);
    Random random = new Random(1);
    int prefix = ("k8s:enc:" + provider + ":v1:key1:").length();
    for (int i = 0; i < 100; i++) {
      byte[] changed = sealed.clone();
      changed[prefix + random.nextInt(sealed.length - prefix)] ^= (byte) (1 << random.nextInt(8));
      assertThatThrownBy(() -> transformer.fromStorage(KEY, changed))
          .isInstanceOf(GeneralSecurityException.class)
          .hasMessageStartingWith(KEY + " cannot be decrypted: the key of k8s:enc:" + provider);
    }
  }

  @Test
  void aValueMovedToAnotherKeyIsRefusedByGcm() {
    Transformer transformer = read(provider("aesgcm", 1));
    byte[] sealed = transformer.toStorage(KEY, VALUE);
    assertThatThrownBy(() -> transformer.fromStorage("/registry/secrets/other/x", sealed))
        .isInstanceOf(GeneralSecurityException.class);
  }

  @Test
  void shortAndStrangeValuesAreRefused() {
    Transformer transformer =
        read(provider("aescbc", 1), provider("aesgcm", 1), provider("secretbox", 1));
    Random random = new Random(2);
    for (String provider : new String[] {"aescbc", "aesgcm", "secretbox", "kms", ""}) {
      for (int length = 0; length < 64; length++) {
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        String text = "k8s:enc:" + provider + ":v1:key1:" + new String(bytes, ISO_8859_1);
        try {
          transformer.fromStorage(KEY, text.getBytes(ISO_8859_1));
          // Padding may be right by chance.
          assertThat(provider).isEqualTo("aescbc");
        } catch (GeneralSecurityException e) {
          assertThat(e).hasMessageStartingWith(KEY + " cannot be decrypted: ");
        }
      }
    }
    assertThatThrownBy(() -> transformer.fromStorage(KEY, VALUE))
        .hasMessage(
            KEY
                + " is not encrypted, and the encryption configuration does not take that: add the"
                + " provider identity, last");
    assertThatThrownBy(
            () -> transformer.fromStorage(KEY, "k8s:enc:aesgcm:v1:k9:xx".getBytes(UTF_8)))
        .hasMessageContaining("it was written as k8s:enc:aesgcm:v1:k9:, which the encryption");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "kind: Secret | apiVersion, kind: must be apiserver.config.k8s.io/v1",
        "resources: 1 | resources: must be a list",
        "resources: [{resources: [secrets], providers: []}] | resources[0].providers: must name at"
            + " least one",
        "resources: [{resources: [secrets], providers: [{kms: {}}]}] | resources[0].providers[0]: kms"
            + " is not supported",
        "resources: [{resources: [secrets], providers: [{aesgcm: {keys: [{name: a, secret: MTIz}]}}]}]"
            + " | resources[0].providers[0].aesgcm.keys[0].secret: has 3 bytes, must have 16, 24 or"
            + " 32",
        "resources: [{resources: [secrets], providers: [{aesgcm: {keys: [{name: 'a:b', secret:"
            + " MTIz}]}}]}] | resources[0].providers[0].aesgcm.keys[0].name: must be set",
        "resources: [{resources: [fish], providers: [{identity: {}}]}] | resources[0].resources:"
            + " \"fish\" is no resource",
      })
  void namesTheFieldThatIsWrong(String yaml, String message) {
    String head =
        yaml.startsWith("kind")
            ? "apiVersion: v1\n"
            : "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\n";
    assertThatThrownBy(() -> EncryptionConfiguration.read(head + yaml, EncryptionTest::keyPrefix))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message);
  }

  @Test
  void theFileHoldsNoPlainValueAndAChangeOfKeysIsCarriedOut() throws Exception {
    Path file = directory.resolve("store.db");
    StoreConfig first = StoreConfig.of(file).with(read(provider("aescbc", 1)));
    long revision;
    try (EmbeddedStore store = EmbeddedStore.open(first)) {
      revision = store.create(KEY, VALUE);
    }
    assertThat(everything()).contains("k8s:enc:aescbc:v1:key1:").doesNotContain("swordfish");
    StoreConfig rotated =
        StoreConfig.of(file).with(read(provider("secretbox", 2), provider("aescbc", 1)));
    try (EmbeddedStore store = EmbeddedStore.open(rotated)) {
      assertThat(Objects.requireNonNull(store.get(KEY)).value()).isEqualTo(VALUE);
      assertThat(store.isStale(KEY)).isTrue();
      store.update(KEY, VALUE, revision);
      assertThat(store.isStale(KEY)).isFalse();
    }
    StoreConfig afterwards = StoreConfig.of(file).with(read(provider("secretbox", 2)));
    try (EmbeddedStore store = EmbeddedStore.open(afterwards)) {
      assertThat(Objects.requireNonNull(store.get(KEY)).value()).isEqualTo(VALUE);
    }
    assertThatThrownBy(
            () -> EmbeddedStore.open(StoreConfig.of(file).with(read(provider("aescbc", 1)))))
        .isInstanceOf(StoreUnavailable.class)
        .hasMessageContaining(KEY + " cannot be decrypted: it was written as k8s:enc:secretbox");
  }

  private String everything() throws Exception {
    StringBuilder text = new StringBuilder();
    try (var files = Files.list(directory)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        text.append(new String(Files.readAllBytes(file), ISO_8859_1));
      }
    }
    return text.toString();
  }
}
