// Reads what a page shows, and reads it again when something changed; what was there stays until
// the new is.
import { useEffect, useRef, useState } from 'preact/hooks';
import { asFailure, isStopped, type Failure } from './failure';
import { tick } from './live';

export interface Loaded<T> {
  data?: T;
  failure?: Failure;
  loading: boolean;
  reload: () => void;
}

export function useLoad<T>(read: (stop: AbortSignal) => Promise<T>, dependencies: readonly unknown[]): Loaded<T> {
  const [state, setState] = useState<{ data?: T; failure?: Failure; loading: boolean }>({ loading: true });
  const [again, setAgain] = useState(0);
  const latest = useRef(0);
  const asked = JSON.stringify(dependencies, (_, value) => (typeof value === 'bigint' ? String(value) : value));
  const changed = useRef(asked);
  const now = tick.value;
  useEffect(() => {
    const stop = new AbortController();
    const turn = ++latest.current;
    if (changed.current !== asked) {
      changed.current = asked;
      setState((before) => ({ ...before, loading: true }));
    }
    read(stop.signal).then(
      (data) => turn === latest.current && setState({ data, loading: false }),
      (error) => {
        if (turn !== latest.current || isStopped(error)) return;
        setState((before) => ({ data: before.data, failure: asFailure(error), loading: false }));
      },
    );
    return () => stop.abort();
  }, [asked, now, again]);
  return { ...state, reload: () => setAgain((count) => count + 1) };
}

/** A text that follows another only once that has rested. */
export function useRested(text: string, ms = 180): string {
  const [rested, setRested] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setRested(text), ms);
    return () => clearTimeout(timer);
  }, [text]);
  return rested;
}
