// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.streaming;

import dev.fairway.apiserver.auth.Pem;
import java.io.IOException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.X509Certificate;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/// The API server's side of TLS towards kubelets.
public final class KubeletTls {
  private KubeletTls() {}

  /// A context that shows the client certificate and trusts kubelets the CA vouches for.
  public static SSLContext context(Path certificate, Path key, Path ca) throws IOException {
    try {
      char[] password = new char[0];
      KeyStore own = KeyStore.getInstance("PKCS12");
      own.load(null, password);
      own.setKeyEntry(
          "own",
          Pem.privateKey(key),
          password,
          Pem.certificates(certificate).toArray(X509Certificate[]::new));
      KeyManagerFactory keys =
          KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
      keys.init(own, password);
      KeyStore trusted = KeyStore.getInstance("PKCS12");
      trusted.load(null, password);
      List<X509Certificate> cas = Pem.certificates(ca);
      for (int i = 0; i < cas.size(); i++) {
        trusted.setCertificateEntry("ca" + i, cas.get(i));
      }
      TrustManagerFactory trust =
          TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      trust.init(trusted);
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
      return context;
    } catch (GeneralSecurityException broken) {
      throw new IOException(
          certificate + ", " + key + ": cannot be used for TLS: " + broken.getMessage(), broken);
    }
  }
}
