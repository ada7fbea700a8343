namespace Countersign
{
    /// <summary>The date of a signature, <c>YYYYMMDDTHHMMSSZ</c> in UTC.</summary>
    internal static class SdkDate
    {
        /// <summary>
        /// The Unix seconds, where there is such a moment. <c>DateTime</c> has no year 0, and reads much that is no such
        /// date.
        /// </summary>
        internal static bool TryParse(string text, out long seconds)
        {
            seconds = 0;
            if (text.Length != 16 || text[8] != 'T' || text[15] != 'Z')
            {
                return false;
            }
            for (var at = 0; at < 15; at++)
            {
                if (at != 8 && !Text.IsDigit(text[at]))
                {
                    return false;
                }
            }
            int year = 100 * Two(text, 0) + Two(text, 2), month = Two(text, 4), day = Two(text, 6);
            int hour = Two(text, 9), minute = Two(text, 11), second = Two(text, 13);
            if (month < 1 || month > 12 || day < 1 || day > DaysIn(month, year))
            {
                return false;
            }
            seconds = ((Days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
            return hour < 24 && minute < 60 && second < 60;
        }

        private static int Two(string text, int at) => 10 * (text[at] - '0') + (text[at + 1] - '0');

        private static int DaysIn(int month, int year)
        {
            var isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            return month == 2 ? (isLeap ? 29 : 28) : (month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31);
        }

        /// <summary>Days since 1970-01-01, by Howard Hinnant's <c>days_from_civil</c>: the year begins in March, so that
        /// the leap day comes last.</summary>
        private static long Days(int year, int month, int day)
        {
            year += 400; // so that nothing below is negative
            year -= month <= 2 ? 1 : 0;
            var dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
            var dayOfEra = year % 400 * 365 + year % 400 / 4 - year % 400 / 100 + dayOfYear;
            return (year / 400 - 1) * 146097L + dayOfEra - 719468;
        }
    }
}
