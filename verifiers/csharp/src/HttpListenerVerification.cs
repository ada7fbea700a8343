using System;
using System.Collections.Generic;
using System.IO;
using System.Net;
using System.Threading;
using System.Threading.Tasks;

namespace Countersign
{
    /// <summary>The verifier before a handler of <see cref="HttpListener"/>.</summary>
    public static class HttpListenerVerification
    {
        /// <summary>
        /// Lets only a verified request through to the handler, which gets who signed it, and the body as if nobody had
        /// read it; the handler answers and closes. A refused one is answered here, with the reason as JSON.
        /// </summary>
        /// <exception cref="Exception">What the lookup, the replay guard, the body or the handler throws, after the
        /// request was answered with 500 or its connection closed.</exception>
        public static async Task HandleAsync(
            this Verifier verifier, HttpListenerContext context, Func<Verified, Stream, Task> handler,
            CancellationToken cancellationToken = default(CancellationToken))
        {
            var request = ToRequest(context.Request);
            try
            {
                Verified verified;
                try
                {
                    verified = await verifier.VerifyAsync(request, cancellationToken).ConfigureAwait(false);
                }
                catch (RefusedException refused)
                {
                    Refuse(context, refused);
                    return;
                }
                await handler(verified, request.Body).ConfigureAwait(false);
            }
            catch
            {
                GiveUp(context.Response);
                throw;
            }
        }

        /// <summary>The request as a verifier wants it: the target as received, not <c>Url</c>, which is
        /// normalised.</summary>
        public static Request ToRequest(HttpListenerRequest request)
        {
            var headers = new List<KeyValuePair<string, string>>();
            foreach (var name in request.Headers.AllKeys)
            {
                // Not GetValues, which takes values apart at their commas.
                headers.Add(new KeyValuePair<string, string>(name, request.Headers[name]));
            }
            return new Request(request.HttpMethod, request.RawUrl, headers, request.InputStream);
        }

        private static void GiveUp(HttpListenerResponse response)
        {
            try
            {
                // Mono's Abort answers what was not answered, by default with 200.
                response.StatusCode = 500;
            }
            catch (Exception error) when (error is InvalidOperationException || error is ProtocolViolationException)
            {
                // The handler had answered before it failed.
            }
            response.Abort();
        }

        private static void Refuse(HttpListenerContext context, RefusedException refused)
        {
            var answer = refused.ToJson();
            context.Response.StatusCode = refused.Status;
            context.Response.ContentType = "application/json";
            context.Response.ContentLength64 = answer.Length;
            if (context.Request.HttpMethod == "HEAD")
            {
                context.Response.Close();
            }
            else
            {
                context.Response.Close(answer, false);
            }
        }
    }
}
