// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store.encryption;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Arrays;
import javax.crypto.AEADBadTagException;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.bouncycastle.crypto.engines.XSalsa20Engine;
import org.bouncycastle.crypto.macs.Poly1305;
import org.bouncycastle.crypto.params.KeyParameter;
import org.bouncycastle.crypto.params.ParametersWithIV;

/// One way to encrypt a value, with one key. Safe for many threads.
sealed interface Provider {
  SecureRandom RANDOM = new SecureRandom();

  /// What a value of it begins with.
  String prefix();

  /// What to store after the prefix.
  ///
  /// @param key under which the value is stored
  byte[] encrypt(String key, byte[] value) throws GeneralSecurityException;

  /// The value, of what is stored after the prefix.
  ///
  /// @throws GeneralSecurityException if another key encrypted it, or somebody changed it
  byte[] decrypt(String key, byte[] sealed) throws GeneralSecurityException;

  private static byte[] random(int length) {
    byte[] bytes = new byte[length];
    RANDOM.nextBytes(bytes);
    return bytes;
  }

  private static byte[] join(byte[] first, byte[] second) {
    byte[] both = Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, both, first.length, second.length);
    return both;
  }

  private static void requireLength(byte[] sealed, int least) throws GeneralSecurityException {
    if (sealed.length < least) {
      throw new GeneralSecurityException("it has only " + sealed.length + " bytes");
    }
  }

  /// Values as they are.
  record Identity() implements Provider {
    @Override
    public String prefix() {
      return "";
    }

    @Override
    public byte[] encrypt(String key, byte[] value) {
      return value;
    }

    @Override
    public byte[] decrypt(String key, byte[] sealed) {
      return sealed;
    }
  }

  /// AES in CBC mode with PKCS #7 padding: a random vector of 16 bytes, then the blocks. Nothing
  /// tells whether somebody changed it.
  record AesCbc(String prefix, SecretKeySpec secret) implements Provider {
    private static final int BLOCK = 16;

    @Override
    public byte[] encrypt(String key, byte[] value) throws GeneralSecurityException {
      byte[] vector = random(BLOCK);
      return join(vector, cipher(Cipher.ENCRYPT_MODE, vector).doFinal(value));
    }

    @Override
    public byte[] decrypt(String key, byte[] sealed) throws GeneralSecurityException {
      requireLength(sealed, 2 * BLOCK);
      byte[] vector = Arrays.copyOf(sealed, BLOCK);
      return cipher(Cipher.DECRYPT_MODE, vector).doFinal(sealed, BLOCK, sealed.length - BLOCK);
    }

    private Cipher cipher(int mode, byte[] vector) throws GeneralSecurityException {
      Cipher cipher = Cipher.getInstance("AES/CBC/PKCS5Padding");
      cipher.init(mode, secret, new IvParameterSpec(vector));
      return cipher;
    }

    @Override
    public String toString() {
      return prefix;
    }
  }

  /// AES in GCM: a random nonce of 12 bytes, the text, a tag of 16; the key it is stored under is
  /// authenticated, too, so a value moved to another key is not taken.
  record AesGcm(String prefix, SecretKeySpec secret) implements Provider {
    private static final int NONCE = 12;
    private static final int TAG_BITS = 128;

    @Override
    public byte[] encrypt(String key, byte[] value) throws GeneralSecurityException {
      byte[] nonce = random(NONCE);
      return join(nonce, cipher(Cipher.ENCRYPT_MODE, key, nonce).doFinal(value));
    }

    @Override
    public byte[] decrypt(String key, byte[] sealed) throws GeneralSecurityException {
      requireLength(sealed, NONCE + TAG_BITS / 8);
      byte[] nonce = Arrays.copyOf(sealed, NONCE);
      return cipher(Cipher.DECRYPT_MODE, key, nonce).doFinal(sealed, NONCE, sealed.length - NONCE);
    }

    private Cipher cipher(int mode, String key, byte[] nonce) throws GeneralSecurityException {
      Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
      cipher.init(mode, secret, new GCMParameterSpec(TAG_BITS, nonce));
      cipher.updateAAD(key.getBytes(UTF_8));
      return cipher;
    }

    @Override
    public String toString() {
      return prefix;
    }
  }

  /// XSalsa20 with Poly1305, as NaCl's secretbox: a random nonce of 24 bytes, a tag of 16, the
  /// text. The first 32 bytes of the key stream are Poly1305's key.
  record SecretBox(String prefix, SecretKeySpec secret) implements Provider {
    private static final int NONCE = 24;
    private static final int TAG = 16;
    private static final int MAC_KEY = 32;

    @Override
    public byte[] encrypt(String key, byte[] value) {
      byte[] nonce = random(NONCE);
      XSalsa20Engine stream = stream(nonce);
      Poly1305 mac = mac(stream);
      byte[] sealed = Arrays.copyOf(nonce, NONCE + TAG + value.length);
      stream.processBytes(value, 0, value.length, sealed, NONCE + TAG);
      mac.update(sealed, NONCE + TAG, value.length);
      mac.doFinal(sealed, NONCE);
      return sealed;
    }

    @Override
    public byte[] decrypt(String key, byte[] sealed) throws GeneralSecurityException {
      requireLength(sealed, NONCE + TAG);
      XSalsa20Engine stream = stream(Arrays.copyOf(sealed, NONCE));
      Poly1305 mac = mac(stream);
      int length = sealed.length - NONCE - TAG;
      mac.update(sealed, NONCE + TAG, length);
      byte[] tag = new byte[TAG];
      mac.doFinal(tag, 0);
      if (!MessageDigest.isEqual(tag, Arrays.copyOfRange(sealed, NONCE, NONCE + TAG))) {
        throw new AEADBadTagException("its tag is wrong");
      }
      byte[] value = new byte[length];
      stream.processBytes(sealed, NONCE + TAG, length, value, 0);
      return value;
    }

    private XSalsa20Engine stream(byte[] nonce) {
      XSalsa20Engine stream = new XSalsa20Engine();
      stream.init(true, new ParametersWithIV(new KeyParameter(secret.getEncoded()), nonce));
      return stream;
    }

    private static Poly1305 mac(XSalsa20Engine stream) {
      byte[] macKey = new byte[MAC_KEY];
      stream.processBytes(macKey, 0, MAC_KEY, macKey, 0);
      Poly1305 mac = new Poly1305();
      mac.init(new KeyParameter(macKey));
      return mac;
    }

    @Override
    public String toString() {
      return prefix;
    }
  }
}
